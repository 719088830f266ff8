"""Dependencies of endpoints: the open hub, and the artifact in the path after checking the caller's permissions."""

from __future__ import annotations

from typing import Annotated, cast
from urllib.parse import unquote

from fastapi import Depends, Request

from hub.errors import Gated, InvalidName, UnknownArtifact
from hub.local import LocalHub
from hub.names import DATASETS, ArtifactName
from hub.records import Artifact, StandIn
from hub.registry.artifacts.access_requests import may_download
from hub.registry.artifacts.repositories import tombstone_of
from hub.registry.names.stand_ins import MODULES
from server.auth.caller import caller_of, require_admin, require_write
from server.part import Handler


class ArtifactMoved(Exception):
    """The artifact was renamed."""

    def __init__(self, old: ArtifactName, new: ArtifactName) -> None:
        super().__init__(f"`{old}` is `{new}` now.")
        self.old, self.new = old, new


class HandledByPart(Exception):
    """The repository is served by a part and not by this hub."""

    def __init__(self, name: str, handler: Handler) -> None:
        super().__init__(f"`{name}` is served by a part.")
        self.handler = handler


async def _hub(request: Request) -> LocalHub:
    return cast(LocalHub, request.app.state.hub)


Hub = Annotated[LocalHub, Depends(_hub)]


def visible_artifact(request: Request, hub: Hub) -> Artifact:
    """Return the artifact in the path.

    Raises UnknownArtifact, also if the caller cannot see it; ArtifactMoved for a former name; HandledByPart for an artifact of
    another hub.
    """
    name = requested_name(request)
    collection = "datasets" if is_dataset_request(request) else "models"
    for part in request.app.state.handling_parts:
        if (handler := part.handler_for(request, collection, name)) is not None:
            raise HandledByPart(name, handler)
    return get_artifact(hub, name, request, is_dataset=is_dataset_request(request))


def _described_artifact(request: Request, hub: Hub) -> Artifact:
    """Return the artifact in the path, as this hub describes it, also if its files are those of another hub. Raises UnknownArtifact."""
    return get_artifact(hub, requested_name(request), request, is_dataset=is_dataset_request(request))


def readable_artifact(request: Request, hub: Hub) -> Artifact:
    """Return the artifact if the caller can download its files. Raises Gated."""
    artifact = visible_artifact(request, hub)
    require_download(request, hub, artifact)
    return artifact


def _writable_artifact(request: Request, hub: Hub) -> Artifact:
    """Return the artifact if the caller has write access. Raises Unauthenticated or Forbidden."""
    artifact = visible_artifact(request, hub)
    require_write(caller_of(request, hub), artifact.name)
    return artifact


def _administered_artifact(request: Request, hub: Hub) -> Artifact:
    """Return the artifact if the caller can administer it. Raises Unauthenticated or Forbidden."""
    artifact = visible_artifact(request, hub)
    require_admin(caller_of(request, hub), artifact.name)
    return artifact


DescribedArtifact = Annotated[Artifact, Depends(_described_artifact)]
VisibleArtifact = Annotated[Artifact, Depends(visible_artifact)]
ReadableArtifact = Annotated[Artifact, Depends(readable_artifact)]
WritableArtifact = Annotated[Artifact, Depends(_writable_artifact)]
AdministeredArtifact = Annotated[Artifact, Depends(_administered_artifact)]


def get_artifact(hub: LocalHub, name: str, request: Request, *, is_dataset: bool | None = None) -> Artifact:
    """Return the artifact `name`; `is_dataset`: see `Registry.get`.

    Raises UnknownArtifact, also if the caller cannot see it, and ArtifactMoved for a former name.
    """
    readers = caller_of(request, hub).readers()
    try:
        return hub.registry.get(name, readers, is_dataset=is_dataset)
    except InvalidName as error:
        raise UnknownArtifact(name) from error
    except UnknownArtifact:
        bare, owner = name.removeprefix(DATASETS), hub.registry.owner
        kinds = (False, True) if is_dataset is None else (is_dataset,)
        for former in (ArtifactName.parse_repository(bare, owner, is_dataset=kind) for kind in kinds):
            if target := new_name_of(hub, former, readers):
                raise ArtifactMoved(former, target) from None
        raise


def get_by_any_name(hub: LocalHub, name: str, request: Request, *, is_dataset: bool | None = None) -> Artifact:
    """Return an artifact as `get_artifact` does, or a base by another name, such as its repository upstream."""
    try:
        return get_artifact(hub, name, request, is_dataset=is_dataset)
    except UnknownArtifact:
        base = hub.registry.base_named(name) if not is_dataset else ""
        if not base:
            raise
        return get_artifact(hub, base, request)


def stand_ins_of(hub: LocalHub, artifact: Artifact, request: Request) -> tuple[StandIn, ...]:
    """Return the multilingual modules that the name of a module gives for other bases, of those that the caller can see."""
    if artifact.kind not in MODULES:
        return ()
    return hub.registry.stand_ins(artifact.name.name, readers=caller_of(request, hub).readers())


def new_name_of(hub: LocalHub, name: ArtifactName, readers: tuple[str, ...] | None) -> ArtifactName | None:
    """Return the present name of a renamed artifact; None if it was not renamed, or to `readers` does not exist."""
    tombstone = tombstone_of(hub.registry.database, name)
    if tombstone is None or not tombstone.moved_to:
        return None
    try:
        return hub.registry.get(ArtifactName.parse(tombstone.moved_to, ""), readers).name
    except UnknownArtifact:
        return None


def require_download(request: Request, hub: LocalHub, artifact: Artifact) -> None:
    """Raise Gated unless the caller can download the files of the artifact."""
    caller = caller_of(request, hub)
    if not may_download(hub.registry.database, caller, artifact):
        how = "request access on its page" if caller.account else "log in and request access on its page"
        raise Gated(f"Access to `{artifact.name}` is restricted: {how}.")


def requested_name(request: Request) -> str:
    """Return `owner/name`, or a bare `name`, decoded from the path."""
    parts = (request.path_params[key] for key in ("repository", "owner", "name") if key in request.path_params)
    return unquote("/".join(parts))


def is_dataset_request(request: Request) -> bool:
    """Return whether the path starts with `/datasets/` or `/api/datasets/`."""
    return request.path_params.get("collection") == "datasets"
