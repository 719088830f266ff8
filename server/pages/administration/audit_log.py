"""/administration/audit: the audit log, filtered and page by page."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from hub.administration.audit import ListAudit
from hub.errors import InvalidRequest
from server.auth.access import Hub
from server.pages.account.settings_frame import number_in
from server.pages.administration.administration_frame import AUDIT, AdministratorSession, administration_page

PAGE = 50
"""Entries on one page."""


def show_audit(request: Request, hub: Hub, session: AdministratorSession) -> Response:
    """List entries, newest first: those of an account, an action or a subject, if given."""
    asked = {name: request.query_params.get(name, "").strip() for name in ("by", "action", "subject")}
    before, problem = request.query_params.get("before", ""), None
    try:
        last = number_in(before, "entry") if before else 0
        found = ListAudit(**asked, before=last, limit=PAGE + 1).run(hub, session.caller.actor)
    except InvalidRequest as error:
        found, problem = [], error
    given = {name: value for name, value in asked.items() if value}
    context = {
        "entries": found[:PAGE],
        "asked": asked,
        "newest": f"{AUDIT}?{urlencode(given)}" if before else "",
        "next": f"{AUDIT}?{urlencode({**given, 'before': found[PAGE - 1].id})}" if len(found) > PAGE else "",
    }
    return administration_page("audit.html", AUDIT, request, hub, context, problem=problem)
