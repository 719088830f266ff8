"""/settings/reports: the reports that the user has sent, with their answers."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.registry.moderation.reports import REASONS, find_reports
from server.auth.access import Hub
from server.auth.csrf_forms import SignedIn, account_in
from server.pages.account.settings_frame import REPORTS, account_page

_MAX_SHOWN = 100


def show_reports(request: Request, hub: Hub, session: SignedIn) -> Response:
    """List the reports, newest first."""
    account = account_in(session)
    may_list = session.caller.may_list(account.name)
    reports = find_reports(hub.registry.database, account=account, limit=_MAX_SHOWN) if may_list else []
    return account_page("reports.html", REPORTS, request, hub, session, {"reports": reports, "reasons": REASONS})
