"""POST …/duplicate: copy a repository to another name."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import Conflict
from hub.names import ArtifactName
from hub.publish.commit import duplicate
from hub.records import Repository
from server.auth.access import Hub, ReadableArtifact
from server.auth.caller import account_of, actor_of, caller_of, require_create
from server.auth.quota import require_room
from server.http.urls import absolute, page_path
from server.protocol.write.repositories import Visibility


class DuplicateRequest(Visibility):
    """Body of a request that duplicates a repository."""

    repository: str


def duplicate_repository(request: Request, hub: Hub, artifact: ReadableArtifact, body: DuplicateRequest) -> Response:
    """Create a repository with all files of this one; 409 with its URL if it exists. Raises Forbidden, OverQuota."""
    caller = caller_of(request, hub)
    owner, is_dataset = account_of(caller).name, artifact.name.is_dataset
    target = ArtifactName.parse_repository(body.repository, owner, is_dataset=is_dataset)
    require_create(caller, target)
    if hub.registry.head(target) is not None:
        return _conflict(request, hub, target)
    source = hub.registry.revision(artifact.name)
    require_room(hub, target, {file.digest: file.size_bytes for file in source.files})
    private = artifact.private if body.is_private is None else body.is_private
    try:
        duplicate(artifact, target, hub.registry, hub.store, actor_of(request, caller), private=private)
    except Conflict:  # Another request, perhaps a retry, has created it in the meantime.
        return _conflict(request, hub, target)
    return JSONResponse(_url_body(request, hub.registry.repository(target)))


def _conflict(request: Request, hub: Hub, target: ArtifactName) -> Response:
    known = hub.registry.repository(target)
    return JSONResponse({"error": f"`{known.name}` already exists.", **_url_body(request, known)}, 409)


def _url_body(request: Request, repository: Repository) -> dict[str, str | bool]:
    return {"url": absolute(request, page_path(repository)), "filesCopyPending": False}
