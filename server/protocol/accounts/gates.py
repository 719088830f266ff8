"""Gated repositories: asking for access, and answering."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from hub.errors import UnknownAccount, WrongRequest
from hub.local import LocalHub
from hub.registry.accounts.permissions import Account
from hub.registry.artifacts.access_requests import answer, ask, requests, status_of
from server.auth.access import Governed, Hub, Wanted
from server.auth.caller import account_of, actor_of, caller_of
from server.http.addresses import Segment
from server.http.times import to_rfc3339
from server.protocol.accounts.whoami import person


class Answer(BaseModel):
    """Body of an answer to a request."""

    user: str | None = None
    requestId: str | None = None
    status: Literal["pending", "accepted", "rejected"]
    rejectionReason: str | None = None


class Grant(BaseModel):
    """Body of a grant."""

    user: str | None = None
    requestId: str | None = None


def ask_for_access(request: Request, hub: Hub, artifact: Wanted) -> Response:
    """Ask for the files: `accepted` at once where the gate opens by itself, else `pending`."""
    caller = caller_of(request, hub)
    status = ask(hub.registry.database, artifact, account_of(caller), actor_of(request, caller))
    return JSONResponse({"status": status})


def list_requests(hub: Hub, artifact: Governed, status: Segment) -> Response:
    """Who has asked and was answered so."""
    _require_gated(artifact.gated, str(artifact.name))
    found = requests(hub.registry.database, artifact.name, status)
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
    """Let somebody in, turn them away, or let them wait again."""
    _require_gated(artifact.gated, str(artifact.name))
    user = _user(hub, body.user or body.requestId)
    known = status_of(hub.registry.database, artifact.name, user)
    if not known:
        raise UnknownAccount(user.name)
    if known == body.status:
        raise WrongRequest(f"the request of `{user.name}` is {known} already.")
    actor = actor_of(request, caller_of(request, hub))
    answer(hub.registry.database, artifact.name, user, body.status, actor, reason=body.rejectionReason or "")
    return JSONResponse({})


def grant_access(request: Request, hub: Hub, artifact: Governed, body: Grant) -> Response:
    """Let somebody in who has not asked."""
    _require_gated(artifact.gated, str(artifact.name))
    user = _user(hub, body.user or body.requestId)
    if status_of(hub.registry.database, artifact.name, user) == "accepted":
        raise WrongRequest(f"`{user.name}` has access already.")
    answer(hub.registry.database, artifact.name, user, "accepted", actor_of(request, caller_of(request, hub)))
    answered: dict[str, Any] = {}
    return JSONResponse(answered)


def _user(hub: LocalHub, name: str | None) -> Account:
    found = hub.accounts.find(name or "")
    if found is None:
        raise UnknownAccount(name or "")
    return found


def _require_gated(gated: str, name: str) -> None:
    if not gated:
        raise WrongRequest(f"`{name}` is not gated: open it for requests in its settings first.")
