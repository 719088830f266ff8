"""Likes of repositories."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import UnknownAccount, UnknownArtifact
from hub.registry.artifacts.repositories import like, liked_by, likers, unlike
from server.auth.access import Hub, VisibleArtifact, get_artifact
from server.auth.caller import actor_of, caller_of, require_acting
from server.http.urls import Segment
from server.protocol.accounts.whoami import person


def add_like(request: Request, hub: Hub, artifact: VisibleArtifact) -> Response:
    """Like an artifact as the caller. Raises Unauthenticated, and Forbidden for a token that only reads or has one artifact."""
    caller = caller_of(request, hub)
    account = require_acting(caller, artifact.name, "like")
    like(hub.registry.database, artifact.name, account, actor_of(request, caller))
    return JSONResponse({})


def remove_like(request: Request, hub: Hub, artifact: VisibleArtifact) -> Response:
    """Remove the like of the caller. Raises as `add_like`."""
    caller = caller_of(request, hub)
    account = require_acting(caller, artifact.name, "unlike")
    unlike(hub.registry.database, artifact.name, account, actor_of(request, caller))
    return JSONResponse({})


def list_likers(hub: Hub, artifact: VisibleArtifact) -> Response:
    """List the users who like an artifact."""
    found = likers(hub.registry.database, artifact.name)
    return JSONResponse([person(name, full_name) for name, full_name in found])


def list_liked(request: Request, hub: Hub, name: Segment) -> Response:
    """List the repositories that an account likes and the caller can see. Raises UnknownAccount."""
    account = hub.accounts.find(name)
    if account is None:
        raise UnknownAccount(name)
    liked = []
    for each in liked_by(hub.registry.database, account):
        try:
            artifact = get_artifact(hub, each, request)
        except UnknownArtifact:
            continue
        kind = "dataset" if artifact.name.is_dataset else "model"
        liked.append({"createdAt": None, "repo": {"name": artifact.name.repository, "type": kind}})
    return JSONResponse(liked)
