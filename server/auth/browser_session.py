"""Browser sessions: the session of a cookie, and the CSRF tokens of its forms.

The cookie is HttpOnly and SameSite=Lax; behind https it is Secure, and its name begins with `__Host-`, so that no other host of
the same domain can set it. It only authorizes reading: changes need a form of our own pages, or a call of their scripts with the same
token (`server.auth.csrf_forms`).
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from fastapi import Request
from itsdangerous import BadData
from starlette.responses import Response

from hub.local import LocalHub
from hub.registry.accounts.permissions import Account, Actor, Caller, Token
from hub.registry.accounts.sessions import MAX_LIFETIME, Session, Sessions
from server.http.signed_links import seal, serializer
from server.site.root_path import cookie_path, root_path

_SESSION, _VISITOR, _ONCE = "linguahub", "linguahub-visitor", "linguahub-once"
"""Cookies of a session; of a visitor who is not logged in, because the login form needs a CSRF token, too; and of a new secret."""
_ONCE_S = 120
"""Seconds within which a browser must follow the redirect to the page that shows a new secret."""
_FORM = "form"
_MAX_COOKIE = 500
_MAX_PATH = 500


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """The session of a user who is logged in with this browser."""

    secret: str
    record: Session
    caller: Caller


def browser_session_of(request: Request, hub: LocalHub) -> BrowserSession | None:
    """Return the session of this browser; None without one or after it has expired. Looked up once per request."""
    if not hasattr(request.state, "session"):
        secret = _cookie(request, _SESSION)
        found = Sessions(hub.registry.database).find(secret) if secret else None
        request.state.session = BrowserSession(secret, *found) if found else None
    session: BrowserSession | None = request.state.session
    return session


def begin_browser_session(
    request: Request, response: Response, hub: LocalHub, account: Account, *, token: Token | None = None
) -> None:
    """Start a new session for `account` and end the previous session of this browser."""
    _end(request, hub)
    actor = Actor(account.name, token.name if token else "password", client_address(request))
    agent = " ".join(request.headers.get("user-agent", "").split())
    secret = Sessions(hub.registry.database).begin(account, actor, token=token, agent=agent)
    _set(request, response, _SESSION, secret, int(MAX_LIFETIME.total_seconds()))
    _forget(request, response, _VISITOR)


def end_browser_session(request: Request, response: Response, hub: LocalHub) -> None:
    """End the session of this browser, if it has one."""
    _end(request, hub)
    _forget(request, response, _SESSION)


def csrf_token_of(request: Request, hub: LocalHub) -> str:
    """Return the CSRF token of this browser's forms; empty when the browser has no cookie yet."""
    session = browser_session_of(request, hub)
    secret = session.secret if session else _cookie(request, _VISITOR)
    return seal(hub, _FORM, secret) if secret else ""


def is_csrf_token(request: Request, hub: LocalHub, given: str) -> bool:
    """Return whether `given` is the CSRF token of this browser."""
    csrf_token = csrf_token_of(request, hub)
    return bool(csrf_token) and hmac.compare_digest(csrf_token.encode(), given.encode("utf-8", "replace"))


def is_from_own_page(request: Request) -> bool:
    """Return whether a page of this server has sent the request, according to the browser; also if an old browser does not say."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = {None, f"{request.url.scheme}://{request.url.netloc}"}
    return site == "same-origin" if site is not None else origin in own


def new_csrf_token(request: Request, hub: LocalHub) -> tuple[str, str]:
    """Return the CSRF token of a page shown before login, and the secret to `remember` if it is new."""
    if csrf_token := csrf_token_of(request, hub):
        return csrf_token, ""
    secret = secrets.token_urlsafe(32)
    return seal(hub, _FORM, secret), secret


def remember(request: Request, response: Response, secret: str) -> None:
    """Set the cookie with a new secret of `new_csrf_token`; do nothing without one."""
    if secret:
        _set(request, response, _VISITOR, secret, None)


def show_once(request: Request, response: Response, hub: LocalHub, session: BrowserSession, secret: str) -> None:
    """Hand a new secret, such as a token, to the page that `response` redirects to. It is stored in the browser only, for two minutes."""
    _set(request, response, _ONCE, serializer(hub, f"once {session.secret}").dumps(secret), _ONCE_S)


def take_shown(request: Request, hub: LocalHub, session: BrowserSession) -> str:
    """Return the secret of `show_once`; empty without one, and for one that this server has not given to this session."""
    try:
        return str(serializer(hub, f"once {session.secret}").loads(_cookie(request, _ONCE)))
    except BadData:
        return ""


def forget_shown(request: Request, response: Response) -> None:
    """Remove the secret of `show_once` from the browser, so that no later page shows it."""
    if _cookie(request, _ONCE):
        _forget(request, response, _ONCE)


def client_address(request: Request) -> str:
    """Return the IP address of the client, which trusted proxies can set; empty if unknown."""
    return request.client.host if request.client else ""


def local_path(text: str) -> str:
    """Return `text` if it is a path of this server that is safe to redirect to, else `/`."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\")) and len(text) <= _MAX_PATH
    return text if is_local and text.isascii() and text.isprintable() and "\\" not in text else "/"


def _end(request: Request, hub: LocalHub) -> None:
    session = browser_session_of(request, hub)
    request.state.session = None
    if session is not None and session.caller.account is not None:
        actor = Actor(session.caller.account.name, session.caller.actor.token, client_address(request))
        Sessions(hub.registry.database).end(session.caller.account, session.record.id, actor)


def _cookie(request: Request, name: str) -> str:
    value = request.cookies.get(_cookie_name(request, name), "")
    return value if len(value) <= _MAX_COOKIE and value.isascii() else ""


def _set(request: Request, response: Response, name: str, value: str, seconds: int | None) -> None:
    response.set_cookie(
        _cookie_name(request, name),
        value,
        max_age=seconds,
        path=cookie_path(),
        httponly=True,
        samesite="lax",
        secure=_is_secure(request),
    )


def _forget(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(
        _cookie_name(request, name), path=cookie_path(), httponly=True, samesite="lax", secure=_is_secure(request)
    )


def _cookie_name(request: Request, name: str) -> str:
    """Return the name that browsers accept from this host only. They refuse `__Host-` for cookies of a path."""
    prefix = "__Secure-" if root_path() else "__Host-"
    return f"{prefix}{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    return bool(request.scope["scheme"] == "https")  # Of each request: to build `request.url` costs more than the rest.
