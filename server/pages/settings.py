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
from server.auth.browser_session import Visit, address_of, begin_visit, form_word
from server.auth.caller import actor_of
from server.auth.csrf_forms import Form, Member, MemberForm, account_in
from server.http.addresses import Segment
from server.pages.login import FORM_HEADERS, SEE_OTHER, check_password
from server.pages.rendering import render

_EXPIRATION_DAYS = {"7": 7, "30": 30, "90": 90, "365": 365, "": None}
"""Values of the form's field `days`, each with its number of days."""


def show_settings(request: Request, hub: Hub, visit: Member) -> Response:
    """Show tokens, password and sessions."""
    return _page(request, hub, visit)


def _owned(form: MemberForm) -> Form:
    """Raise Forbidden for a session that was started with a token: a revoked token must not live on in others."""
    assert form.visit is not None
    if not form.visit.caller.may_change_account:
        raise Forbidden("you're signed in with a token: log in with your password to change your account.")
    return form


Owned = Annotated[Form, Depends(_owned)]


def create_token(request: Request, hub: Hub, form: Owned) -> Response:
    """Create a token and show it once, on the page that answers."""
    actor = _actor(request, form)
    try:
        days = _EXPIRATION_DAYS[form.get("days")]
        secret = hub.tokens.create(
            account_in(form.visit),
            form.get("role"),
            actor,
            name=form.get("name").strip(),
            artifact=form.get("repo").strip(),
            lifetime=timedelta(days=days) if days else None,
        )
    except KeyError:
        return _page(request, hub, form.visit, problem=InvalidRequest("choose one of the offered expirations."))
    except InvalidRequest as error:
        return _page(request, hub, form.visit, problem=error)
    return _page(request, hub, form.visit, secret=secret)


def revoke_token(request: Request, hub: Hub, form: Owned, number: Segment) -> Response:
    """Revoke a token."""
    hub.tokens.revoke(account_in(form.visit), _number(number), _actor(request, form))
    return RedirectResponse("/settings#tokens", SEE_OTHER)


def change_password(request: Request, hub: Hub, form: Owned) -> Response:
    """Change the password for a user who knows the current one. Every other browser is logged out."""
    account = account_in(form.visit)
    try:
        _require_both(hub, account, form, address_of(request))
        hub.accounts.set_password(account.name, form.get("new"), _actor(request, form))
    except (InvalidRequest, RateLimited) as error:
        return _page(request, hub, form.visit, problem=error)
    request.state.visit = None  # It has just ended with all others.
    answer = RedirectResponse("/settings?changed=password", SEE_OTHER)
    begin_visit(request, answer, hub, account)
    return answer


def end_session(request: Request, hub: Hub, form: MemberForm, number: Segment) -> Response:
    """Log another browser out."""
    Sessions(hub.registry.database).end(account_in(form.visit), _number(number), _actor(request, form))
    return RedirectResponse("/settings#sessions", SEE_OTHER)


def _page(
    request: Request, hub: LocalHub, visit: Visit | None, *, problem: HubError | None = None, secret: str = ""
) -> Response:
    account = account_in(visit)
    assert visit is not None
    now = datetime.now(UTC)
    context: dict[str, Any] = {
        "account": account,
        "organisations": hub.accounts.organisations(account),
        "tokens": [each for each in hub.tokens.of(account) if not each.revoked_at],
        "sessions": Sessions(hub.registry.database).of(account),
        "here": visit.session.id,
        "is_own": visit.caller.may_change_account,
        "is_expired": lambda token: token.expires_at is not None and token.expires_at <= now,
        "word": form_word(request, hub),
        "secret": secret,
        "problem": problem,
        "changed": request.query_params.get("changed") == "password",
    }
    status = problem.status if problem else 200
    return render("settings.html", context, request=request, status=status, headers=FORM_HEADERS)


def _require_both(hub: LocalHub, account: Account, form: Form, address: str) -> None:
    """Raise InvalidRequest unless the current password is right and both new ones agree, RateLimited after many attempts."""
    if not check_password(hub, account.name, form.get("current"), address):
        raise InvalidRequest("wrong current password.")
    if form.get("new") != form.get("again"):
        raise InvalidRequest("the new passwords don't match.")


def _actor(request: Request, form: Form) -> Actor:
    assert form.visit is not None
    return actor_of(request, form.visit.caller)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidRequest(f"{text[:40]!r} is not the number of a token or session.")
    return int(text)
