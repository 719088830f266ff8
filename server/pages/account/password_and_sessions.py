"""/settings/security: change the password, and end sessions."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.errors import HubError, InvalidRequest, RateLimited
from hub.local import LocalHub
from hub.registry.accounts.permissions import Account
from hub.registry.accounts.sessions import Sessions
from server.auth.access import Hub
from server.auth.browser_session import BrowserSession, begin_browser_session, client_address
from server.auth.csrf_forms import Form, PasswordForm, SignedIn, SignedInForm, account_in, actor_in
from server.http.urls import Segment
from server.pages.account.settings_frame import SECURITY, account_page, done, number_in
from server.pages.login import check_password


def show_security(request: Request, hub: Hub, session: SignedIn) -> Response:
    """Show the form for the password, and the sessions."""
    return _page(request, hub, session)


def change_password(request: Request, hub: Hub, form: PasswordForm) -> Response:
    """Change the password, for users who know the current one. All other browsers are logged out."""
    account = account_in(form.session)
    try:
        _check_passwords(hub, account, form, client_address(request))
        hub.accounts.set_password(account.name, form.get("new"), actor_in(request, form))
    except (InvalidRequest, RateLimited) as error:
        return _page(request, hub, form.session, problem=error)
    request.state.session = None  # Changing the password has ended it, too.
    response = done(SECURITY, "password")
    begin_browser_session(request, response, hub, account)
    return response


def end_session(request: Request, hub: Hub, form: SignedInForm, number: Segment) -> Response:
    """End the session of another browser. Raises UnknownSession."""
    Sessions(hub.registry.database).end(account_in(form.session), number_in(number, "session"), actor_in(request, form))
    return done(SECURITY, "ended")


def end_other_sessions(request: Request, hub: Hub, form: SignedInForm) -> Response:
    """End the sessions of all other browsers."""
    assert form.session is not None
    here = form.session.record.id
    Sessions(hub.registry.database).end_others(account_in(form.session), here, actor_in(request, form))
    return done(SECURITY, "others-ended")


def _page(
    request: Request, hub: LocalHub, session: BrowserSession | None, *, problem: HubError | None = None
) -> Response:
    assert session is not None
    context = {"sessions": Sessions(hub.registry.database).of(account_in(session)), "this_browser": session.record.id}
    return account_page("security.html", SECURITY, request, hub, session, context, problem=problem)


def _check_passwords(hub: LocalHub, account: Account, form: Form, address: str) -> None:
    """Raise InvalidRequest unless the current password is right and the new ones match; RateLimited after too many attempts."""
    if not check_password(hub, account.name, form.get("current"), address):
        raise InvalidRequest("wrong current password.")
    require_match(form)


def require_match(form: Form) -> None:
    """Raise InvalidRequest unless the new password was typed twice."""
    if form.get("new") != form.get("again"):
        raise InvalidRequest("the new passwords don't match.")
