"""Likes of repositories."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import UnknownAccount, UnknownArtifact
from hub.registry.artifacts.repositories import like, liked_by, likers, unlike
from server.auth.access import Hub, VisibleRepository, get_repository
from server.auth.caller import actor_of, caller_of, require_acting
from server.http.urls import Segment
from server.protocol.accounts.whoami import person


def add_like(request: Request, hub: Hub, repository: VisibleRepository) -> Response:
    """Like an artifact as the caller. Raises Unauthenticated, and Forbidden for a token that only reads or has one artifact."""
    caller = caller_of(request, hub)
    account = require_acting(caller, repository.name, "like")
    like(hub.registry.database, repository.name, account, actor_of(request, caller))
    return JSONResponse({})


def remove_like(request: Request, hub: Hub, repository: VisibleRepository) -> Response:
    """Remove the like of the caller. Raises as `add_like`."""
    caller = caller_of(request, hub)
    account = require_acting(caller, repository.name, "unlike")
    unlike(hub.registry.database, repository.name, account, actor_of(request, caller))
    return JSONResponse({})


def list_likers(hub: Hub, repository: VisibleRepository) -> Response:
    """List the users who like an artifact."""
    found = likers(hub.registry.database, repository.name)
    return JSONResponse([person(name, full_name) for name, full_name in found])


def list_liked(request: Request, hub: Hub, name: Segment) -> Response:
    """List the repositories that an account likes and the caller can see. Raises UnknownAccount."""
    account = hub.accounts.find(name)
    if account is None:
        raise UnknownAccount(name)
    liked = []
    for each in liked_by(hub.registry.database, account):
        try:
            repository = get_repository(hub, each, request)
        except UnknownArtifact:
            continue
        kind = "dataset" if repository.name.is_dataset else "model"
        liked.append({"createdAt": None, "repo": {"name": repository.name.repository, "type": kind}})
    return JSONResponse(liked)
