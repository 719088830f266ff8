"""List and erase the files of the whole history of a repository, and reuse them in another one."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from hub.errors import Forbidden, HubError, InvalidName, InvalidRequest, UnknownFile
from hub.names import Digest
from hub.publish.erase import erase
from hub.registry.artifacts.usage import stored_files
from hub.registry.uploads.uploads import file_sizes, may_copy, record_uploads
from server.auth.access import AdministeredArtifact, Hub, ReadableRepository, VisibleRepository, get_repository
from server.auth.caller import actor_of, caller_of, require_write
from server.http.paging import next_link, offset_of
from server.http.times import rfc3339_or_epoch
from server.protocol.write.repositories import is_dataset_kind

PAGE = 1000
"""Files per page."""
_MAX_ERASED = 1000
_MAX_DUPLICATED = 500


class Deletions(BaseModel):
    """The files to erase."""

    sha: list[str] = Field(max_length=_MAX_ERASED)
    rewriteHistory: bool = True


class LargeFileBatch(BaseModel):
    """Body of a request that erases files."""

    deletions: Deletions


class Target(BaseModel):
    """The repository that will use the files."""

    type: Literal["model", "dataset", "space", "kernel"] = "model"
    name: str


class DuplicateSource(BaseModel):
    """A file of the source repository."""

    sha256: str
    filename: str = ""
    xetHash: str | None = None


class Duplication(BaseModel):
    """Body of a request that duplicates files."""

    target: Target
    files: list[DuplicateSource] = Field(max_length=_MAX_DUPLICATED)


def list_large_files(request: Request, hub: Hub, repository: VisibleRepository) -> Response:
    """List all versions of all files, sorted by path; `ref` is the branch that contains the version now."""
    begin = offset_of(request)
    found = stored_files(hub.registry.database, repository.name, limit=PAGE + 1, offset=begin)
    headers = next_link(request, begin + PAGE) if len(found) > PAGE else {}
    body = [
        {
            "fileOid": each.file.digest.hex,
            "filename": each.file.path,
            "oid": each.file.digest.hex,
            "pushedAt": rfc3339_or_epoch(each.since),
            "ref": f"refs/heads/{each.branch}" if each.branch else None,
            "size": each.file.size_bytes,
        }
        for each in found[:PAGE]
    ]
    return JSONResponse(body, headers=headers)


def erase_large_files(request: Request, hub: Hub, artifact: AdministeredArtifact, body: LargeFileBatch) -> Response:
    """Erase files from every revision. Raises InvalidRequest."""
    if not body.deletions.rewriteHistory:
        raise InvalidRequest("files can only be erased from the whole history: use `rewrite_history=True`.")
    digests = [_digest(each) for each in body.deletions.sha]
    actor = actor_of(request, caller_of(request, hub))
    replaced = erase(artifact, digests, hub.registry, hub.store, actor)
    return JSONResponse({"processed": len(digests), "succeeded": len(digests), "revisions": replaced, "failed": []})


def duplicate_large_files(request: Request, hub: Hub, repository: ReadableRepository, body: Duplication) -> Response:
    """Allow the caller to commit files of this repository to another one without uploading them.

    Raises UnknownArtifact, Forbidden, also for a gated repository whose files would lose their gate.
    """
    caller = caller_of(request, hub)
    target = get_repository(hub, body.target.name, request, is_dataset=is_dataset_kind(body.target.type))
    require_write(caller, target.name)
    if not may_copy(hub.registry.database, caller, repository, target):
        raise Forbidden(f"`{repository.name}` is gated, and `{target.name}` is not: gate it first, then copy again.")
    sizes = file_sizes(hub.registry.database, repository.name, [each.sha256 for each in body.files])
    failed: list[dict[str, Any]] = []
    allowed: dict[Digest, int] = {}
    for sha256, filename in {each.sha256: each.filename for each in body.files}.items():
        try:
            digest = _digest(sha256)
            if digest.hex not in sizes:
                raise UnknownFile(filename or sha256, listing=f"hub show {repository.name}")
            allowed[digest] = sizes[digest.hex]
        except HubError as error:
            failed.append({"sha256": sha256, "error": str(error)})
    record_uploads(hub.registry.database, caller, allowed, owner=target.name.owner)
    return JSONResponse({"failed": failed})


def _digest(text: str) -> Digest:
    try:
        return Digest(text)
    except InvalidName as error:
        raise InvalidRequest(f"`{text[:80]}` is not a SHA-256: list files with `lfs-files`.") from error
