"""What a request may reach: the open hub and the artifact that its address names."""

from __future__ import annotations

from typing import Annotated, cast
from urllib.parse import unquote

from fastapi import Depends, Request

from hub.errors import UnknownArtifact, WrongName
from hub.local import LocalHub
from hub.records import Artifact


def _hub(request: Request) -> LocalHub:
    return cast(LocalHub, request.app.state.hub)


Hub = Annotated[LocalHub, Depends(_hub)]


def _artifact(request: Request, hub: Hub) -> Artifact:
    """The artifact named in the path.

    Raises UnknownArtifact, also for a data set asked for as a model and the reverse: clients keep the two apart.
    """
    name = asked_name(request)
    artifact = get_artifact(hub, name)
    if is_dataset(artifact) != asks_for_dataset(request):
        raise UnknownArtifact(name)
    return artifact


Wanted = Annotated[Artifact, Depends(_artifact)]


def get_artifact(hub: LocalHub, name: str) -> Artifact:
    """The artifact called `name`; UnknownArtifact also for a name that none can have, as `api/anything`."""
    try:
        return hub.registry.get(name)
    except WrongName as error:
        raise UnknownArtifact(name) from error


def asked_name(request: Request) -> str:
    """`owner/name`, or a bare `name`, decoded from the path."""
    return "/".join(unquote(request.path_params[key]) for key in ("owner", "name") if key in request.path_params)


def asks_for_dataset(request: Request) -> bool:
    """Whether the address is one of data sets: `/datasets/…` or `/api/datasets/…`."""
    return str(request.scope["route"].path).startswith(("/datasets", "/api/datasets"))


def is_dataset(artifact: Artifact) -> bool:
    """Whether the artifact lives under `/datasets/`, as on the Hugging Face Hub."""
    return artifact.kind == "dataset"
