"""/settings/tokens: create a token, which is shown once, and revoke tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import InvalidName, InvalidRequest, UnknownToken
from hub.local import LocalHub
from hub.registry.accounts.permissions import Account, Token
from hub.registry.accounts.secrets import PREFIX
from hub.registry.accounts.server_settings import signing_key
from server.auth.access import Hub
from server.auth.browser_session import BrowserSession, forget_shown, show_once, take_shown
from server.auth.csrf_forms import Form, PasswordForm, SignedIn, account_in, actor_in
from server.http.urls import Segment
from server.pages.account.settings_frame import TOKENS, account_page, done, number_in, typed
from server.pages.login import SEE_OTHER
from server.site.translation import gettext_noop

EXPIRATIONS = {
    "30": gettext_noop("30 days"),
    "7": gettext_noop("7 days"),
    "90": gettext_noop("90 days"),
    "365": gettext_noop("1 year"),
    "": gettext_noop("never"),
}
"""Value of the field `days` → its text. The form starts with the first one."""
_FIELDS = ("name", "role", "repo", "days")


def show_tokens(request: Request, hub: Hub, session: SignedIn) -> Response:
    """Show the tokens, and one that was just created."""
    secret = take_shown(request, hub, session)
    page = _page(request, hub, session, secret=secret)
    forget_shown(request, page)
    return page


def create_token(request: Request, hub: Hub, form: PasswordForm) -> Response:
    """Create a token and redirect to the page that shows it once. The same form sent twice creates one token."""
    assert form.session is not None
    try:
        secret = hub.tokens.create(
            account_in(form.session),
            form.get("role"),
            actor_in(request, form),
            name=form.get("name").strip(),
            artifact=form.get("repo").strip(),
            lifetime=_lifetime(form.get("days")),
            secret=_secret_of(hub, form, form.session),
        )
    except (InvalidRequest, InvalidName) as error:
        return _page(request, hub, form.session, form=form, problem=error)
    response = RedirectResponse(TOKENS, SEE_OTHER)
    show_once(request, response, hub, form.session, secret)
    return response


def ask_to_revoke(request: Request, hub: Hub, session: SignedIn, number: Segment) -> Response:
    """Ask whether to revoke a token. Raises UnknownToken."""
    token = _token(hub, account_in(session), number_in(number, "token"))
    context = {"token": token, "is_expired": _is_expired}
    return account_page("revoke.html", TOKENS, request, hub, session, context)


def revoke_token(request: Request, hub: Hub, form: PasswordForm, number: Segment) -> Response:
    """Revoke a token."""
    hub.tokens.revoke(account_in(form.session), number_in(number, "token"), actor_in(request, form))
    return done(TOKENS, "revoked")


def _page(
    request: Request,
    hub: LocalHub,
    session: BrowserSession | None,
    *,
    form: Form | None = None,
    problem: InvalidRequest | None = None,
    secret: str = "",
) -> Response:
    assert session is not None
    account = account_in(session)
    may_list = session.caller.may_list(account.name)  # The names of tokens can be those of private repositories.
    context = {
        "tokens": [each for each in hub.tokens.of(account) if not each.revoked_at] if may_list else [],
        "is_expired": _is_expired,
        "expirations": EXPIRATIONS,
        "typed": typed(form, *_FIELDS) if form else {"name": "", "role": "read", "repo": "", "days": "30"},
        "once": secrets.token_urlsafe(16),
        "secret": secret,
    }
    return account_page("tokens.html", TOKENS, request, hub, session, context, problem=problem)


def _lifetime(days: str) -> timedelta | None:
    """Return the chosen lifetime. Raises InvalidRequest."""
    if days not in EXPIRATIONS:
        raise InvalidRequest("choose one of the offered expirations.")
    return timedelta(days=int(days)) if days else None


def _secret_of(hub: LocalHub, form: Form, session: BrowserSession) -> str:
    """Return the secret of the token that a form creates: the same one if it is sent again, and different for another form.

    It is a keyed digest of the session's secret, which has 256 random bits and is only in the cookie of this browser, of the random
    field `once` and of what was chosen.
    """
    given = "\0".join([session.secret, form.get("once"), *(form.get(name) for name in _FIELDS)])
    key = hmac.new(signing_key(hub.registry.database), b"secret of a token", hashlib.sha256).digest()
    digest = hmac.new(key, given.encode("utf-8", "replace"), hashlib.sha256).digest()
    return PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _token(hub: LocalHub, account: Account, number: int) -> Token:
    found = next((each for each in hub.tokens.of(account) if each.id == number and not each.revoked_at), None)
    if found is None:
        raise UnknownToken(str(number), listing=f"hub admin token list {account.name}")
    return found


def _is_expired(token: Token) -> bool:
    return token.expires_at is not None and token.expires_at <= datetime.now(UTC)
