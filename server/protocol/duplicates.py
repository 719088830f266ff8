"""POST …/duplicate: a repository's content under another name."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from hub.commit import duplicate
from hub.errors import Conflict
from hub.names import ArtifactName
from hub.records import Artifact
from server.access import Hub, Readable
from server.addresses import absolute, page_path
from server.identity import account_of, actor_of, caller_of, insist_on_creating
from server.protocol.repositories import insist_on_free_name
from server.quota import insist_on_room


class Copy(BaseModel):
    """Body of a copy."""

    repository: str
    visibility: Literal["public", "private", "protected"] | None = None
    private: bool | None = None


def duplicate_repository(request: Request, hub: Hub, artifact: Readable, body: Copy) -> Response:
    """A new repository that begins with all files of this one; 409 with its address when there is one of that name."""
    caller = caller_of(request, hub)
    target = ArtifactName.parse(body.repository, account_of(caller).name)
    insist_on_creating(caller, target)
    if hub.registry.head(target) is not None:
        known = hub.registry.get(target)
        return JSONResponse({"error": f"`{known.name}` exists already.", **_address(request, known)}, 409)
    insist_on_free_name(hub, target)
    source = hub.registry.revision(artifact.name)
    insist_on_room(hub, target, {file.digest: file.size_bytes for file in source.files})
    private = artifact.private
    if body.visibility is not None or body.private is not None:
        private = bool(body.private) if body.visibility is None else body.visibility != "public"
    try:
        duplicate(artifact, target, hub.registry, hub.store, actor_of(request, caller), private=private)
    except Conflict:  # Somebody, perhaps the same client once more, was quicker.
        known = hub.registry.get(target)
        return JSONResponse({"error": f"`{known.name}` exists already.", **_address(request, known)}, 409)
    return JSONResponse(_address(request, hub.registry.get(target)))


def _address(request: Request, artifact: Artifact) -> dict[str, str | bool]:
    return {"url": absolute(request, page_path(artifact)), "filesCopyPending": False}
