"""Dependencies of endpoints: the open hub, and the repository in the path after checking the caller's permissions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, cast
from urllib.parse import unquote

from fastapi import Depends, Request

from hub.errors import Gated, InvalidName, UnknownArtifact
from hub.local import LocalHub
from hub.names import DATASETS, ArtifactName
from hub.records import Artifact, Repository, StandIn
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


def visible_repository(request: Request, hub: Hub) -> Repository:
    """Return the repository in the path.

    Raises UnknownArtifact, also if the caller cannot see it; ArtifactMoved for a former name; HandledByPart for a repository of
    another hub.
    """
    name = requested_name(request)
    collection = "datasets" if is_dataset_request(request) else "models"
    for part in request.app.state.handling_parts:
        if (handler := part.handler_for(request, collection, name)) is not None:
            raise HandledByPart(name, handler)
    return get_repository(hub, name, request, is_dataset=is_dataset_request(request))


def _described_artifact(request: Request, hub: Hub) -> Artifact:
    """Return the artifact in the path, as this hub describes it, also if its files are those of another hub. Raises UnknownArtifact."""
    return get_artifact(hub, requested_name(request), request, is_dataset=is_dataset_request(request))


def readable_repository(request: Request, hub: Hub) -> Repository:
    """Return the repository if the caller can download its files. Raises Gated."""
    repository = visible_repository(request, hub)
    require_download(request, hub, repository)
    return repository


def _writable_repository(request: Request, hub: Hub) -> Repository:
    """Return the repository if the caller has write access. Raises Unauthenticated or Forbidden."""
    repository = visible_repository(request, hub)
    require_write(caller_of(request, hub), repository.name)
    return repository


def _administered_repository(request: Request, hub: Hub) -> Repository:
    """Return the repository if the caller can administer it. Raises Unauthenticated or Forbidden."""
    repository = visible_repository(request, hub)
    require_admin(caller_of(request, hub), repository.name)
    return repository


def _artifact_of(find: Callable[[Request, Hub], Repository]) -> Callable[[Request, Hub], Artifact]:
    """Return a dependency that returns the artifact of the repository that `find` returns."""

    def artifact(request: Request, hub: Hub) -> Artifact:
        return hub.registry.get(find(request, hub).name)

    return artifact


DescribedArtifact = Annotated[Artifact, Depends(_described_artifact)]
VisibleRepository = Annotated[Repository, Depends(visible_repository)]
ReadableRepository = Annotated[Repository, Depends(readable_repository)]
WritableRepository = Annotated[Repository, Depends(_writable_repository)]
AdministeredRepository = Annotated[Repository, Depends(_administered_repository)]
visible_artifact = _artifact_of(visible_repository)
VisibleArtifact = Annotated[Artifact, Depends(visible_artifact)]
ReadableArtifact = Annotated[Artifact, Depends(_artifact_of(readable_repository))]
WritableArtifact = Annotated[Artifact, Depends(_artifact_of(_writable_repository))]
AdministeredArtifact = Annotated[Artifact, Depends(_artifact_of(_administered_repository))]


def get_artifact(hub: LocalHub, name: str, request: Request, *, is_dataset: bool | None = None) -> Artifact:
    """Return the artifact `name`. Raises as `get_repository` does."""
    return hub.registry.get(get_repository(hub, name, request, is_dataset=is_dataset).name)


def get_repository(hub: LocalHub, name: str, request: Request, *, is_dataset: bool | None = None) -> Repository:
    """Return the repository `name`; `is_dataset`: see `Registry.get`.

    Raises UnknownArtifact, also if the caller cannot see it, and ArtifactMoved for a former name.
    """
    readers = caller_of(request, hub).readers()
    try:
        return hub.registry.repository(name, readers, is_dataset=is_dataset)
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
    """Return the multilingual modules that the name of a module refers to on other bases, of those that the caller can see."""
    if artifact.kind not in MODULES:
        return ()
    return hub.registry.stand_ins(artifact.name.name, readers=caller_of(request, hub).readers())


def new_name_of(hub: LocalHub, name: ArtifactName, readers: tuple[str, ...] | None) -> ArtifactName | None:
    """Return the present name of a renamed artifact; None if it was not renamed, or to `readers` does not exist."""
    tombstone = tombstone_of(hub.registry.database, name)
    if tombstone is None or not tombstone.moved_to:
        return None
    try:
        return hub.registry.repository(ArtifactName.parse(tombstone.moved_to, ""), readers).name
    except UnknownArtifact:
        return None


def require_download(request: Request, hub: LocalHub, repository: Repository) -> None:
    """Raise Gated unless the caller can download the files of the repository."""
    caller = caller_of(request, hub)
    if not may_download(hub.registry.database, caller, repository):
        how = "request access on its page" if caller.account else "log in and request access on its page"
        raise Gated(f"Access to `{repository.name}` is restricted: {how}.")


def requested_name(request: Request) -> str:
    """Return `owner/name`, or a bare `name`, decoded from the path."""
    parts = (request.path_params[key] for key in ("repository", "owner", "name") if key in request.path_params)
    return unquote("/".join(parts))


def is_dataset_request(request: Request) -> bool:
    """Return whether the path starts with `/datasets/` or `/api/datasets/`."""
    return request.path_params.get("collection") == "datasets"
