"""Storage usage: the repositories of a user or an organisation with their sizes. Also empty lists of followers."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import UnknownAccount
from hub.registry.accounts.permissions import ORGANISATION
from hub.registry.artifacts.usage import usage_by_repository
from server.auth.access import Hub
from server.auth.caller import account_of, caller_of, require_listing
from server.http.paging import next_link, offset_of
from server.http.times import rfc3339_or_epoch
from server.http.urls import Segment

PAGE = 100
"""Repositories per page."""


def list_own(request: Request, hub: Hub) -> Response:
    """Return the response to `HfApi.list_user_repos`. Raises Unauthenticated, and Forbidden for a token of one repository."""
    caller = caller_of(request, hub)
    owner = account_of(caller).name
    require_listing(caller, owner)
    return _list(request, hub, owner)


def list_of_organisation(request: Request, hub: Hub, name: Segment) -> Response:
    """List the repositories of an organisation. Raises UnknownAccount, Unauthenticated, and Forbidden unless the caller can list it."""
    caller = caller_of(request, hub)
    found = hub.accounts.find(name)
    if found is None or found.kind != ORGANISATION:
        raise UnknownAccount(name)
    require_listing(caller, found.name)
    return _list(request, hub, found.name)


def empty_list(hub: Hub, name: Segment) -> Response:
    """Return an empty list, because this server has no followers. Raises UnknownAccount."""
    if hub.accounts.find(name) is None:
        raise UnknownAccount(name)
    return JSONResponse([])


def _list(request: Request, hub: Hub, owner: str) -> Response:
    begin = offset_of(request)
    found = usage_by_repository(hub.registry.database, owner, limit=PAGE + 1, offset=begin)
    total = hub.accounts.used_bytes(owner)
    headers = next_link(request, begin + PAGE) if len(found) > PAGE else {}
    body = [
        {
            "id": each.name.repository,
            "type": "dataset" if each.kind == "dataset" else "model",
            "updatedAt": rfc3339_or_epoch(each.updated_at),
            "visibility": "private" if each.private else "public",
            "storage": each.size_bytes,
            "storagePercent": round(100 * each.size_bytes / total, 2) if total else 0,
        }
        for each in found[:PAGE]
    ]
    return JSONResponse(body, headers=headers)
