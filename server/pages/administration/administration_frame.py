"""The common parts of the pages below /administration, which only administrators see: header, tabs, and notes after a change."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from hub.errors import Forbidden, HubError
from hub.local import LocalHub
from hub.registry.moderation.reports import count_open
from hub.registry.outbox.queue import backlog
from server.auth.browser_session import BrowserSession, csrf_token_of
from server.auth.csrf_forms import Form, SignedIn, SignedInForm
from server.pages.login import FORM_HEADERS, SEE_OTHER
from server.pages.rendering import render
from server.site.translation import gettext_noop

HEALTH, USERS, STORAGE, REPORTS, FILES, JOBS, AUDIT = (
    f"/administration{end}" for end in ("", "/users", "/storage", "/reports", "/files", "/jobs", "/audit")
)
_TABS = {
    HEALTH: gettext_noop("Health and policy"),
    USERS: gettext_noop("Users"),
    STORAGE: gettext_noop("Storage"),
    REPORTS: gettext_noop("Reports"),
    FILES: gettext_noop("Files"),
    JOBS: gettext_noop("Jobs"),
    AUDIT: gettext_noop("Audit log"),
}
_NOTES = {
    "saved": gettext_noop("Saved."),
    "added": gettext_noop("The account was created."),
    "removed": gettext_noop("The user was disabled: tokens, sessions, password and memberships have ended."),
    "restored": gettext_noop("The user was restored. Create a reset link so that they can log in."),
    "retried": gettext_noop("The jobs are due now."),
    "allowed": gettext_noop("Downloads of the file are allowed."),
    "blocked": gettext_noop("The file is no longer served."),
    "unblocked": gettext_noop("The file is served again."),
    "hidden": gettext_noop("The artifact is hidden."),
    "shown": gettext_noop("The artifact is no longer hidden."),
    "answered": gettext_noop("The answer was saved."),
}
"""Value of `?done` → note on the page."""


def _administrator(session: BrowserSession | None) -> BrowserSession:
    if session is None or not session.caller.may_change_server:
        raise Forbidden("only administrators of this server can see these pages: log in as one.")
    return session


def _session(session: SignedIn) -> BrowserSession:
    """Return the session. Raises LoginRequired without one, Forbidden unless it is an administrator's."""
    return _administrator(session)


def _form(form: SignedInForm) -> Form:
    """Return the form. Raises Forbidden unless an administrator has sent it."""
    _administrator(form.session)
    return form


AdministratorSession = Annotated[BrowserSession, Depends(_session)]
AdministratorForm = Annotated[Form, Depends(_form)]


def administration_page(
    template: str,
    tab: str,
    request: Request,
    hub: LocalHub,
    context: dict[str, Any],
    *,
    problem: HubError | None = None,
) -> Response:
    """Render a page. `tab` is the path of its tab; `problem` is why what was sent was refused."""
    database = hub.registry.database
    shared = {
        "tabs": _TABS,
        "tab": tab,
        "counts": {
            REPORTS: count_open(database),
            JOBS: sum(each.given_up for each in backlog(database).values()),
        },
        "csrf_token": csrf_token_of(request, hub),
        "problem": problem,
        "note": _NOTES.get(request.query_params.get("done", ""), "") if problem is None else "",
    }
    status = problem.status if problem else 200
    template = f"administration/{template}"
    return render(template, {**shared, **context}, request=request, status=status, headers=FORM_HEADERS)


def done(path: str, note: str) -> Response:
    """Redirect to a page with a note, so that reloading it does not repeat the change."""
    return RedirectResponse(f"{path}{'&' if '?' in path else '?'}done={note}", SEE_OTHER)
