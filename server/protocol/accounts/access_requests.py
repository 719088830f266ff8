"""Access requests for gated repositories, and the replies of their owners."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from hub.errors import InvalidRequest, UnknownAccount
from hub.local import LocalHub
from hub.registry.accounts.permissions import Account
from hub.registry.artifacts.access_requests import access_requests, add_request, set_status, status_of
from server.auth.access import AdministeredRepository, Hub, VisibleRepository
from server.auth.caller import actor_of, caller_of, require_acting
from server.http.times import to_rfc3339
from server.http.urls import Segment
from server.protocol.accounts.whoami import person


class AccessGrant(BaseModel):
    """Body of a request that grants access."""

    user: str | None = None
    requestId: str | None = None


class AccessReply(AccessGrant):
    """Body of a reply to an access request."""

    status: Literal["pending", "accepted", "rejected"]
    rejectionReason: str | None = None


def request_file_access(request: Request, hub: Hub, repository: VisibleRepository) -> Response:
    """Request access to the files: `accepted` immediately for automatic gates, otherwise `pending`.

    Raises Unauthenticated, and Forbidden for a token that only reads or has one artifact.
    """
    caller = caller_of(request, hub)
    account = require_acting(caller, repository.name, "request access to")
    status = add_request(hub.registry.database, repository, account, actor_of(request, caller))
    return JSONResponse({"status": status})


def list_requests(hub: Hub, repository: AdministeredRepository, status: Segment) -> Response:
    """List the access requests with a status. Raises InvalidRequest if the repository is not gated."""
    _require_gated(repository.gated, str(repository.name))
    found = access_requests(hub.registry.database, repository.name, status)
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


def answer_request(request: Request, hub: Hub, repository: AdministeredRepository, body: AccessReply) -> Response:
    """Accept or reject an access request, or make it pending again. Raises UnknownAccount, InvalidRequest."""
    _require_gated(repository.gated, str(repository.name))
    user = _user(hub, body.user or body.requestId)
    status = status_of(hub.registry.database, repository.name, user)
    if not status:
        raise UnknownAccount(user.name)
    if status == body.status:
        raise InvalidRequest(f"the request of `{user.name}` is already {status}.")
    actor = actor_of(request, caller_of(request, hub))
    set_status(hub.registry.database, repository.name, user, body.status, actor, reason=body.rejectionReason or "")
    return JSONResponse({})


def grant_access(request: Request, hub: Hub, repository: AdministeredRepository, body: AccessGrant) -> Response:
    """Grant access to a user who has not requested it. Raises UnknownAccount, InvalidRequest."""
    _require_gated(repository.gated, str(repository.name))
    user = _user(hub, body.user or body.requestId)
    if status_of(hub.registry.database, repository.name, user) == "accepted":
        raise InvalidRequest(f"`{user.name}` already has access.")
    set_status(hub.registry.database, repository.name, user, "accepted", actor_of(request, caller_of(request, hub)))
    return JSONResponse({})


def _user(hub: LocalHub, name: str | None) -> Account:
    found = hub.accounts.find(name or "")
    if found is None:
        raise UnknownAccount(name or "")
    return found


def _require_gated(gated: str, name: str) -> None:
    if not gated:
        raise InvalidRequest(f"`{name}` is not gated: change its settings first.")
