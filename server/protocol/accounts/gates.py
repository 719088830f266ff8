"""Gated repositories: requests for access and their answers."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from hub.errors import InvalidRequest, UnknownAccount
from hub.local import LocalHub
from hub.registry.accounts.permissions import Account
from hub.registry.artifacts.access_requests import access_requests, add_request, set_status, status_of
from server.auth.access import Governed, Hub, Wanted
from server.auth.caller import account_of, actor_of, caller_of
from server.http.addresses import Segment
from server.http.times import to_rfc3339
from server.protocol.accounts.whoami import person


class AccessGrant(BaseModel):
    """Body of a grant."""

    user: str | None = None
    requestId: str | None = None


class Answer(AccessGrant):
    """Body of an answer to a request."""

    status: Literal["pending", "accepted", "rejected"]
    rejectionReason: str | None = None


def ask_for_access(request: Request, hub: Hub, artifact: Wanted) -> Response:
    """Request access to the files: `accepted` at once for automatic gates, else `pending`."""
    caller = caller_of(request, hub)
    status = add_request(hub.registry.database, artifact, account_of(caller), actor_of(request, caller))
    return JSONResponse({"status": status})


def list_requests(hub: Hub, artifact: Governed, status: Segment) -> Response:
    """List requests with this status."""
    _require_gated(artifact.gated, str(artifact.name))
    found = access_requests(hub.registry.database, artifact.name, status)
    return JSONResponse(
        [
            {
                "requestId": each.user,
                "user": person(each.user, each.full_name) | {"email": each.email},
                "status": each.status,
                "timestamp": to_rfc3339(each.at),
                "fields": {},
            }
            for each in found
        ]
    )


def answer_request(request: Request, hub: Hub, artifact: Governed, body: Answer) -> Response:
    """Accept or reject a request, or make it pending again."""
    _require_gated(artifact.gated, str(artifact.name))
    user = _user(hub, body.user or body.requestId)
    known = status_of(hub.registry.database, artifact.name, user)
    if not known:
        raise UnknownAccount(user.name)
    if known == body.status:
        raise InvalidRequest(f"the request of `{user.name}` is already {known}.")
    actor = actor_of(request, caller_of(request, hub))
    set_status(hub.registry.database, artifact.name, user, body.status, actor, reason=body.rejectionReason or "")
    return JSONResponse({})


def grant_access(request: Request, hub: Hub, artifact: Governed, body: AccessGrant) -> Response:
    """Give access to a user who has not requested it."""
    _require_gated(artifact.gated, str(artifact.name))
    user = _user(hub, body.user or body.requestId)
    if status_of(hub.registry.database, artifact.name, user) == "accepted":
        raise InvalidRequest(f"`{user.name}` already has access.")
    set_status(hub.registry.database, artifact.name, user, "accepted", actor_of(request, caller_of(request, hub)))
    return JSONResponse({})


def _user(hub: LocalHub, name: str | None) -> Account:
    found = hub.accounts.find(name or "")
    if found is None:
        raise UnknownAccount(name or "")
    return found


def _require_gated(gated: str, name: str) -> None:
    if not gated:
        raise InvalidRequest(f"`{name}` is not gated: change its settings first.")
