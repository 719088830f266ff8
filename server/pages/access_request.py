"""Request access to the files of a gated artifact from its page."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.local import LocalHub
from hub.records import Artifact
from hub.registry.artifacts.access_requests import add_request, may_download, status_of
from server.auth.access import Hub, VisibleRepository
from server.auth.browser_session import csrf_token_of
from server.auth.caller import actor_of, caller_of, require_acting
from server.auth.csrf_forms import SignedInForm
from server.http.urls import page_path
from server.pages.login import SEE_OTHER


def request_access(request: Request, hub: Hub, _form: SignedInForm, repository: VisibleRepository) -> Response:
    """Request access and redirect to the page of the artifact, which shows the status of the request. Raises Forbidden."""
    caller = caller_of(request, hub)
    account = require_acting(caller, repository.name, "request access to")
    add_request(hub.registry.database, repository, account, actor_of(request, caller))
    return RedirectResponse(page_path(repository), SEE_OTHER)


def gate_of(request: Request, hub: LocalHub, artifact: Artifact) -> dict[str, Any]:
    """Return the status of the caller's request for the page; empty if the caller can download the files."""
    caller = caller_of(request, hub)
    if may_download(hub.registry.database, caller, artifact):
        return {"gate": "", "csrf_token": ""}
    account = caller.account if caller.may_act else None
    status = status_of(hub.registry.database, artifact.name, account) if account else "unknown"
    return {"gate": status or "unrequested", "csrf_token": csrf_token_of(request, hub)}
