"""POST …/preupload/{revision}: whether and how to upload each file, and whether it has changed. Nothing else is sent before."""

from __future__ import annotations

import base64
from typing import Any

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from hub.cards.policy import sample_problem
from hub.errors import InvalidSource, TooLarge
from hub.git_objects import blob_id
from hub.local import LocalHub
from hub.names import check_path
from hub.publish.commit import policy_of
from hub.records import File, Repository
from hub.registry.accounts.file_policy import way_out
from hub.registry.artifacts.files import find_files
from hub.registry.uploads.xet_files import MAX_FILE_BYTES
from hub.store.read_whole import read_whole
from server.auth.access import Hub, WritableRepository
from server.auth.caller import account_of, caller_of
from server.auth.csrf_forms import PageCall
from server.auth.quota import require_room
from server.http.urls import Segment, commit_id
from server.protocol.write.git_patterns import MAX_BYTES, Ignored, Pattern, attribute_patterns, is_lfs
from server.protocol.write.refusals import REFUSALS
from server.protocol.write.unsupported import refuse_pull_requests

MAX_INLINE = 1 << 20
"""Largest text in bytes that is sent in the commit; larger texts and all binary files are uploaded with Xet or LFS."""
_BINARY = (".safetensors", ".parquet", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".arrow", ".onnx", ".gguf", ".model")
_MAX_HEADER = 500
_MAX_SHOWN = 20
"""Refused files that an error lists."""


class Candidate(BaseModel):
    """A file that the client plans to upload."""

    path: str
    sample: str = ""
    size: int = Field(ge=0, lt=2**63)

    @property
    def start(self) -> bytes:
        """The first bytes; NUL, as in no text, if the client sends something else."""
        try:
            return base64.b64decode(self.sample)
        except ValueError:  # Includes binascii.Error.
            return b"\0"


class Candidates(BaseModel):
    """Body of the request."""

    files: list[Candidate] = Field(max_length=1000)
    gitIgnore: str | None = None


def plan_upload(
    request: Request, hub: Hub, _page: PageCall, repository: WritableRepository, revision: Segment, body: Candidates
) -> Response:
    """Return `lfs` or `regular` for each file with its current id, so that the client skips unchanged files.

    Files that `.gitignore` excludes are to be left out: the one of the request, else that of the repository. Raises NotServed, OverQuota,
    DiskFull, TooLarge, and InvalidSource with all files that the policy refuses and what to do about it.
    """
    refuse_pull_requests(request)
    for each in body.files:
        check_path(each.path)
        if each.size > MAX_FILE_BYTES:
            raise TooLarge(
                f"`{each.path}` has {each.size:.3g} bytes, but a file has at most {MAX_FILE_BYTES}: split it."
            )
    head = hub.registry.tip(repository.name, revision, with_files=False)
    paths = {".gitattributes", ".gitignore", *(each.path for each in body.files)}
    known = find_files(hub.registry.database, head.id, sorted(paths))
    given = body.gitIgnore.encode(errors="replace") if body.gitIgnore is not None else _read(hub, known, ".gitignore")
    ignored = Ignored(given)
    left_out = {each.path for each in body.files if each.path in ignored}
    kept = [each for each in body.files if each.path not in left_out]
    refused = _refused(hub, repository, kept)
    headers = {}
    if refused:
        account = account_of(caller_of(request, hub)).name
        shown = "; ".join(list(refused.values())[:_MAX_SHOWN])
        message = f"`{repository.name}` cannot have these files: {shown}. "
        message += way_out(repository.name, policy_of(repository, hub.registry))
        if not REFUSALS.is_loop(account, repository.name.key, refused):
            raise InvalidSource(message)
        left_out |= refused.keys()
        headers["X-HF-Warning"] = f"file-policy; left out: {message}".encode("ascii", "replace")[:_MAX_HEADER].decode()
    kept = [each for each in kept if each.path not in left_out]
    changed = (each.size for each in kept if each.path not in known or known[each.path].size_bytes != each.size)
    require_room(hub, repository.name, {}, unknown_bytes=sum(changed))
    attributes = attribute_patterns(_read(hub, known, ".gitattributes"))
    files = [
        _plan(hub, each, known.get(each.path), attributes, is_ignored=each.path in left_out) for each in body.files
    ]
    return JSONResponse({"files": files, "commitOid": commit_id(head.id)}, headers=headers)


def _refused(hub: LocalHub, repository: Repository, candidates: list[Candidate]) -> dict[str, str]:
    """Map the paths that the policy refuses to the reasons, as far as names and first bytes show; the commit checks everything."""
    policy = policy_of(repository, hub.registry)
    problems = {each.path: sample_problem(each.path, each.start, policy=policy) for each in candidates}
    return {path: problem for path, problem in problems.items() if problem}


def _read(hub: LocalHub, files: dict[str, File], path: str) -> bytes:
    """Return a small file of the repository; empty if it is missing, damaged or too large."""
    file = files.get(path)
    if file is None or file.size_bytes > MAX_BYTES:
        return b""
    return read_whole(hub.store, file.digest, file.size_bytes) or b""


def _plan(
    hub: LocalHub, candidate: Candidate, file: File | None, attributes: tuple[Pattern, ...], *, is_ignored: bool
) -> dict[str, Any]:
    is_regular = candidate.size == 0 or (_is_short_text(candidate) and not is_lfs(candidate.path, attributes))
    mode = "regular" if is_regular else "lfs"
    oid = _oid(hub, file, mode) if file is not None and file.size_bytes == candidate.size else None
    return {"path": candidate.path, "uploadMode": mode, "shouldIgnore": is_ignored, "oid": oid}


def _oid(hub: LocalHub, file: File, mode: str) -> str | None:
    """Return the id that the client computes: the git blob id of a regular file, the SHA-256 of a large one.

    None if the stored bytes are damaged, so that the client sends them again.
    """
    if mode == "lfs":
        return file.digest.hex if hub.store.holds(file.digest, file.size_bytes) else None
    content = read_whole(hub.store, file.digest, file.size_bytes)
    return None if content is None else blob_id(content)


def _is_short_text(candidate: Candidate) -> bool:
    if candidate.size > MAX_INLINE or candidate.path.lower().endswith(_BINARY):
        return False
    sample = candidate.start
    if b"\0" in sample:
        return False
    for cut in range(4):  # The sample can end in the middle of a character.
        try:
            sample[: len(sample) - cut].decode()
        except UnicodeDecodeError:
            continue
        return True
    return False
