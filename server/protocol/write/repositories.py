"""Create, delete and rename repositories, and change their settings."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from hub.errors import InvalidRequest, NotServed
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import create
from hub.publish.publish import drain_outbox
from hub.records import Repository
from hub.registry.artifacts.repositories import change_settings, delete_repository, move_repository
from server.auth.access import AdministeredRepository, Hub, get_repository
from server.auth.caller import account_of, actor_of, caller_of, require_admin, require_create
from server.auth.csrf_forms import PageCall
from server.http.urls import absolute, page_path

Kind = Literal["model", "dataset", "space", "kernel"]


class Visibility(BaseModel):
    """Visibility of a repository: newer clients send `visibility`, older ones `private`."""

    visibility: Literal["public", "private", "protected"] | None = None
    private: bool | None = None

    @property
    def is_private(self) -> bool | None:
        """Whether the repository is private; None if the client does not specify it."""
        return self.private if self.visibility is None else self.visibility != "public"


class NewRepository(Visibility):
    """Body of requests that create or delete a repository."""

    name: str
    organization: str | None = None
    type: Kind | None = "model"


class Move(BaseModel):
    """Body of a request that renames a repository."""

    fromRepo: str
    toRepo: str
    type: Kind | None = "model"


class RepositorySettings(Visibility):
    """Body of a request that changes settings; absent ones stay unchanged."""

    gated: Literal["auto", "manual", False] | None = None
    visibility: Literal["public", "private"] | None = None  # No `protected` here.


def create_repository(request: Request, hub: Hub, _page: PageCall, body: NewRepository) -> Response:
    """Create an empty repository; 409 with its URL if it exists. Raises Unauthenticated, Forbidden, NotServed.

    The name of a deleted or renamed one can be used by anyone who can create repositories in its namespace.
    """
    caller = caller_of(request, hub)
    name = _name(body, account_of(caller).name)
    require_create(caller, name)
    if hub.registry.head(name) is not None:
        known = hub.registry.repository(name)
        message = f"You already created this {'dataset' if name.is_dataset else 'model'} repo: `{known.name}`."
        return JSONResponse({"error": message, **_url_body(request, known)}, 409)
    create(name, hub.registry, hub.store, actor_of(request, caller), private=bool(body.is_private))
    return JSONResponse(_url_body(request, hub.registry.repository(name)))


def remove_repository(request: Request, hub: Hub, body: NewRepository) -> Response:
    """Delete a repository; a name without an owner is the caller's. Raises Unauthenticated, UnknownArtifact, Forbidden."""
    owner = account_of(caller_of(request, hub)).name
    repository = _administered(request, hub, _name(body, owner))
    delete_repository(hub.registry.database, repository.name, actor_of(request, caller_of(request, hub)))
    drain_outbox(hub.registry, hub.store)
    return JSONResponse({})


def rename_repository(request: Request, hub: Hub, body: Move) -> Response:
    """Rename a repository; its former name is redirected. Raises UnknownArtifact, Forbidden, Conflict."""
    caller = caller_of(request, hub)
    is_dataset = is_dataset_kind(body.type)
    former = ArtifactName.parse_repository(body.fromRepo, account_of(caller).name, is_dataset=is_dataset)
    repository = _administered(request, hub, former)
    target = ArtifactName.parse_repository(body.toRepo, repository.name.owner, is_dataset=is_dataset)
    require_create(caller, target)
    move_repository(hub.registry.database, repository.name, target, actor_of(request, caller))
    drain_outbox(hub.registry, hub.store)
    return JSONResponse(_url_body(request, hub.registry.repository(target)))


def set_repository(
    request: Request, hub: Hub, repository: AdministeredRepository, body: RepositorySettings
) -> Response:
    """Change the visibility or gate of a repository. Raises InvalidRequest if neither is given."""
    settings: dict[str, object] = {}
    if body.is_private is not None:
        settings["private"] = body.is_private
    if body.gated is not None:
        settings["gated"] = body.gated or ""
    if not settings:
        raise InvalidRequest("no settings given: set `visibility` or `gated`.")
    change_settings(hub.registry.database, repository.name, actor_of(request, caller_of(request, hub)), **settings)
    drain_outbox(hub.registry, hub.store)
    return JSONResponse(settings)


def _administered(request: Request, hub: LocalHub, name: ArtifactName) -> Repository:
    repository = get_repository(hub, name.repository, request, is_dataset=name.is_dataset)
    require_admin(caller_of(request, hub), repository.name)
    return repository


def is_dataset_kind(kind: Kind | None) -> bool:
    """Return whether a request is about data sets; None means models. Raises NotServed."""
    if kind in {"space", "kernel"}:
        raise NotServed(f"{kind}s are not supported: this server only has models and datasets.")
    return kind == "dataset"


def _name(body: NewRepository, default_owner: str) -> ArtifactName:
    given = f"{body.organization}/{body.name}" if body.organization else body.name
    return ArtifactName.parse_repository(given, default_owner, is_dataset=is_dataset_kind(body.type))


def _url_body(request: Request, repository: Repository) -> dict[str, str]:
    name = repository.name.repository
    return {"url": absolute(request, page_path(repository)), "name": name, "id": name}
