"""The button on a gated artifact's page that requests access to its files."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.local import LocalHub
from hub.records import Artifact
from hub.registry.artifacts.access_requests import add_request, may_download, status_of
from server.auth.access import Hub, Wanted
from server.auth.browser_session import form_word
from server.auth.caller import actor_of, caller_of
from server.auth.csrf_forms import MemberForm, account_in
from server.http.addresses import page_path
from server.pages.login import SEE_OTHER


def request_access(request: Request, hub: Hub, form: MemberForm, artifact: Wanted) -> Response:
    """Request access and redirect to the page, which shows the request's status."""
    assert form.visit is not None, "a member's form has a session"
    add_request(hub.registry.database, artifact, account_in(form.visit), actor_of(request, form.visit.caller))
    return RedirectResponse(page_path(artifact), SEE_OTHER)


def gate_of(request: Request, hub: LocalHub, artifact: Artifact) -> dict[str, Any]:
    """Return the status of the caller's request for the page; empty when the caller may download the files."""
    caller = caller_of(request, hub)
    if may_download(hub.registry.database, caller, artifact):
        return {"gate": "", "word": ""}
    status = status_of(hub.registry.database, artifact.name, caller.account) if caller.account else "unknown"
    return {"gate": status or "unasked", "word": form_word(request, hub)}
