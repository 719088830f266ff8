"""The common parts of the tabs of /settings: header, tabs, notes after a change, and problems with a form."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import HubError, InvalidRequest, RateLimited
from hub.local import LocalHub
from server.auth.browser_session import BrowserSession, csrf_token_of
from server.auth.csrf_forms import Form, account_in
from server.pages.login import FORM_HEADERS, SEE_OTHER
from server.pages.rendering import render
from server.site.translation import gettext_noop

PROFILE, TOKENS, ORGANISATIONS, ACCESS, REPORTS, SECURITY = (
    "/settings", "/settings/tokens", "/settings/organisations", "/settings/access", "/settings/reports", "/settings/security",
)  # fmt: skip
_TABS = {
    PROFILE: gettext_noop("Profile"),
    TOKENS: gettext_noop("Tokens"),
    ORGANISATIONS: gettext_noop("Organisations"),
    ACCESS: gettext_noop("Access requests"),
    REPORTS: gettext_noop("Reports"),
    SECURITY: gettext_noop("Password and sessions"),
}
_NOTES = {
    "saved": gettext_noop("Saved."),
    "revoked": gettext_noop("The token was revoked."),
    "password": gettext_noop("Your password was changed, and all other browsers were logged out."),
    "ended": gettext_noop("The session was ended."),
    "others-ended": gettext_noop("All other browsers were logged out."),
    "created": gettext_noop("The organisation was created."),
    "member": gettext_noop("The members were changed."),
    "left": gettext_noop("You left the organisation."),
    "answered": gettext_noop("The request was answered."),
    "reported": gettext_noop("Thank you. The administrators of this server will read your report and answer it here."),
}
"""Value of `?done` → note on the page."""
MAX_NUMBER = 18
"""Digits of the number of a token, session or report."""


def account_page(
    template: str,
    tab: str,
    request: Request,
    hub: LocalHub,
    session: BrowserSession | None,
    context: dict[str, Any],
    *,
    problem: HubError | None = None,
) -> Response:
    """Render a tab. `tab` is its path; `problem` is why what was sent was refused."""
    assert session is not None
    shared = {
        "account": account_in(session),
        "is_own": session.caller.may_change_account,
        "is_administrator": session.caller.may_change_server,
        "tabs": _TABS,
        "tab": tab,
        "csrf_token": csrf_token_of(request, hub),
        "problem": problem,
        "note": _NOTES.get(request.query_params.get("done", ""), "") if problem is None else "",
    }
    headers = FORM_HEADERS | ({"Retry-After": str(problem.wait_s)} if isinstance(problem, RateLimited) else {})
    status = problem.status if problem else 200
    return render(f"account/{template}", {**shared, **context}, request=request, status=status, headers=headers)


def done(path: str, note: str) -> Response:
    """Redirect to a tab with a note, so that reloading it does not repeat the change."""
    return RedirectResponse(f"{path}?done={note}", SEE_OTHER)


def typed(form: Form | None, *names: str) -> dict[str, str]:
    """Return what was typed into the fields of a form; empty texts before it was sent."""
    return {name: form.get(name) if form else "" for name in names}


def number_in(text: str, what: str) -> int:
    """Return the number in a path. Raises InvalidRequest."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_NUMBER):
        raise InvalidRequest(f"{text[:40]!r} is not the number of a {what}.")
    return int(text)
