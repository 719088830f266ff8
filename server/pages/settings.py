"""/settings: the user's tokens, password and sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from hub.errors import Forbidden, HubError, InvalidRequest, RateLimited
from hub.local import LocalHub
from hub.registry.accounts.permissions import Account, Actor
from hub.registry.accounts.sessions import Sessions
from server.auth.access import Hub
from server.auth.browser_session import BrowserSession, begin_browser_session, client_address, csrf_token_of
from server.auth.caller import actor_of
from server.auth.csrf_forms import Form, SignedIn, SignedInForm, account_in
from server.http.urls import Segment
from server.pages.login import FORM_HEADERS, SEE_OTHER, check_password
from server.pages.rendering import render

_EXPIRATION_DAYS = {"7": 7, "30": 30, "90": 90, "365": 365, "": None}
"""Number of days for each value of the form field `days`."""


def show_settings(request: Request, hub: Hub, session: SignedIn) -> Response:
    """Show tokens, password and sessions."""
    return _page(request, hub, session)


def _require_password_session(form: SignedInForm) -> Form:
    """Return the form. Raises Forbidden for a session started with a token, which could otherwise create tokens that outlive it."""
    assert form.session is not None
    if not form.session.caller.may_change_account:
        raise Forbidden("you're logged in with a token: log in with your password to change your account.")
    return form


PasswordForm = Annotated[Form, Depends(_require_password_session)]


def create_token(request: Request, hub: Hub, form: PasswordForm) -> Response:
    """Create a token and show it once, on the resulting page."""
    actor = _actor(request, form)
    try:
        days = _EXPIRATION_DAYS[form.get("days")]
        secret = hub.tokens.create(
            account_in(form.session),
            form.get("role"),
            actor,
            name=form.get("name").strip(),
            artifact=form.get("repo").strip(),
            lifetime=timedelta(days=days) if days else None,
        )
    except KeyError:
        return _page(request, hub, form.session, problem=InvalidRequest("choose one of the offered expirations."))
    except InvalidRequest as error:
        return _page(request, hub, form.session, problem=error)
    return _page(request, hub, form.session, secret=secret)


def revoke_token(request: Request, hub: Hub, form: PasswordForm, number: Segment) -> Response:
    """Revoke a token."""
    hub.tokens.revoke(account_in(form.session), _number(number), _actor(request, form))
    return RedirectResponse("/settings#tokens", SEE_OTHER)


def change_password(request: Request, hub: Hub, form: PasswordForm) -> Response:
    """Change the password, for users who know the current one. All other browsers are logged out."""
    account = account_in(form.session)
    try:
        _check_passwords(hub, account, form, client_address(request))
        hub.accounts.set_password(account.name, form.get("new"), _actor(request, form))
    except (InvalidRequest, RateLimited) as error:
        return _page(request, hub, form.session, problem=error)
    request.state.session = None  # Changing the password has ended it, too.
    response = RedirectResponse("/settings?changed=password", SEE_OTHER)
    begin_browser_session(request, response, hub, account)
    return response


def end_session(request: Request, hub: Hub, form: SignedInForm, number: Segment) -> Response:
    """End the session of another browser."""
    Sessions(hub.registry.database).end(account_in(form.session), _number(number), _actor(request, form))
    return RedirectResponse("/settings#sessions", SEE_OTHER)


def _page(
    request: Request,
    hub: LocalHub,
    session: BrowserSession | None,
    *,
    problem: HubError | None = None,
    secret: str = "",
) -> Response:
    account = account_in(session)
    assert session is not None
    now = datetime.now(UTC)
    context: dict[str, Any] = {
        "account": account,
        "organisations": hub.accounts.organisations(account),
        "tokens": [each for each in hub.tokens.of(account) if not each.revoked_at]
        if session.caller.may_list(account.name)
        else [],  # The names of tokens can be those of private repositories.
        "sessions": Sessions(hub.registry.database).of(account),
        "here": session.record.id,
        "is_own": session.caller.may_change_account,
        "is_expired": lambda token: token.expires_at is not None and token.expires_at <= now,
        "csrf_token": csrf_token_of(request, hub),
        "secret": secret,
        "problem": problem,
        "changed": request.query_params.get("changed") == "password",
    }
    status = problem.status if problem else 200
    return render("settings.html", context, request=request, status=status, headers=FORM_HEADERS)


def _check_passwords(hub: LocalHub, account: Account, form: Form, address: str) -> None:
    """Raise InvalidRequest unless the current password is right and the new ones match; RateLimited after too many attempts."""
    if not check_password(hub, account.name, form.get("current"), address):
        raise InvalidRequest("wrong current password.")
    if form.get("new") != form.get("again"):
        raise InvalidRequest("the new passwords don't match.")


def _actor(request: Request, form: Form) -> Actor:
    assert form.session is not None
    return actor_of(request, form.session.caller)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidRequest(f"{text[:40]!r} is not the number of a token or session.")
    return int(text)
