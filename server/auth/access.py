"""Dependencies of endpoints: the open hub and the artifact of the path, with the caller's access checked."""

from __future__ import annotations

from typing import Annotated, cast
from urllib.parse import unquote

from fastapi import Depends, Request

from hub.errors import Gated, InvalidName, UnknownArtifact
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.records import Artifact
from hub.registry.artifacts.access_requests import may_download
from hub.registry.artifacts.repositories import tombstone_of
from server.auth.caller import caller_of, require_admin, require_write
from server.http.urls import is_dataset
from server.part import Answer


class Moved(Exception):
    """The artifact was renamed."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(f"`{old}` is `{new}` now.")
        self.old, self.new = old, new


class AnsweredByPart(Exception):
    """A part answers for the artifact, which is not one of this hub."""

    def __init__(self, name: str, answer: Answer) -> None:
        super().__init__(f"`{name}` is answered by a part.")
        self.answer = answer


async def _hub(request: Request) -> LocalHub:
    return cast(LocalHub, request.app.state.hub)


Hub = Annotated[LocalHub, Depends(_hub)]


def _artifact(request: Request, hub: Hub) -> Artifact:
    """Return the artifact of the path.

    Raises UnknownArtifact, also for an artifact that the caller may not see and for a dataset requested as a model or the
    reverse; Moved for a former name; AnsweredByPart for an artifact of another hub.
    """
    name = asked_name(request)
    collection = "datasets" if asks_for_dataset(request) else "models"
    for part in request.app.state.answering:
        if (answer := part.answer_for(request, collection, name)) is not None:
            raise AnsweredByPart(name, answer)
    artifact = get_artifact(hub, name, request)
    if is_dataset(artifact) != asks_for_dataset(request):
        raise UnknownArtifact(name)
    return artifact


def _readable(request: Request, hub: Hub) -> Artifact:
    """Return the artifact if the caller may download its files. Raises Gated."""
    artifact = _artifact(request, hub)
    require_download(request, hub, artifact)
    return artifact


def _writable(request: Request, hub: Hub) -> Artifact:
    """Return the artifact if the caller may commit to it. Raises Unauthenticated or Forbidden."""
    artifact = _artifact(request, hub)
    require_write(caller_of(request, hub), artifact.name)
    return artifact


def _governed(request: Request, hub: Hub) -> Artifact:
    """Return the artifact if the caller may administer it. Raises Unauthenticated or Forbidden."""
    artifact = _artifact(request, hub)
    require_admin(caller_of(request, hub), artifact.name)
    return artifact


Wanted = Annotated[Artifact, Depends(_artifact)]
Readable = Annotated[Artifact, Depends(_readable)]
Writable = Annotated[Artifact, Depends(_writable)]
Governed = Annotated[Artifact, Depends(_governed)]


def get_artifact(hub: LocalHub, name: str, request: Request) -> Artifact:
    """Return the artifact `name`. Raises UnknownArtifact, also when the caller may not see it, and Moved for a former name."""
    try:
        artifact = hub.registry.get(name)
    except InvalidName as error:
        raise UnknownArtifact(name) from error
    except UnknownArtifact:
        tombstone = tombstone_of(hub.registry.database, ArtifactName.parse(name, hub.registry.owner))
        if tombstone is None or not tombstone.moved_to:
            raise
        get_artifact(hub, tombstone.moved_to, request)
        raise Moved(name, tombstone.moved_to) from None
    if not caller_of(request, hub).may_read(artifact):
        raise UnknownArtifact(name)
    return artifact


def require_download(request: Request, hub: LocalHub, artifact: Artifact) -> None:
    """Raise Gated unless the caller may download the artifact's files."""
    caller = caller_of(request, hub)
    if not may_download(hub.registry.database, caller, artifact):
        how = "request access on its page" if caller.account else "log in and request access on its page"
        raise Gated(f"Access to `{artifact.name}` is restricted: {how}.")


def asked_name(request: Request) -> str:
    """Return `owner/name`, or a bare `name`, decoded from the path."""
    parts = (request.path_params[key] for key in ("repository", "owner", "name") if key in request.path_params)
    return unquote("/".join(parts))


def asks_for_dataset(request: Request) -> bool:
    """Return whether the path is one of datasets: `/datasets/…` or `/api/datasets/…`."""
    return request.path_params.get("collection") == "datasets"
