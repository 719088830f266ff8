"""Browser sessions: the session behind a cookie, and the token that ties a form to it.

The cookie is HttpOnly and SameSite=Lax; behind https it is Secure, and its name begins with `__Host-`, so that no other host of
the same domain can set it. It is enough for reading only: changes come from our own forms (`server.auth.csrf_forms`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from hub.local import LocalHub
from hub.registry.accounts.permissions import Account, Actor, Caller, Token
from hub.registry.accounts.sessions import MAX_LIFETIME, Session, Sessions
from server.http.signed_links import seal

_SESSION, _VISITOR = "linguahub", "linguahub-visitor"
"""Cookies of a session and of a visitor who is not logged in: the login form must be tied to something, too."""
_FORM = "form"
_MAX_COOKIE = 200
_MAX_ADDRESS = 500


@dataclass(frozen=True, slots=True)
class Visit:
    """The session of a user who is logged in with this browser."""

    secret: str
    session: Session
    caller: Caller


def visit_of(request: Request, hub: LocalHub) -> Visit | None:
    """Return the session of this browser; None without one, or when it has expired. Looked up once a request."""
    if not hasattr(request.state, "visit"):
        secret = _cookie(request, _SESSION)
        found = Sessions(hub.registry.database).find(secret) if secret else None
        request.state.visit = Visit(secret, *found) if found else None
    visit: Visit | None = request.state.visit
    return visit


def begin_visit(
    request: Request, response: Response, hub: LocalHub, account: Account, *, token: Token | None = None
) -> None:
    """Start a new session for `account`, and end the previous one of this browser."""
    _end(request, hub)
    actor = Actor(account.name, token.name if token else "password", address_of(request))
    agent = " ".join(request.headers.get("user-agent", "").split())
    secret = Sessions(hub.registry.database).begin(account, actor, token=token, agent=agent)
    _set(request, response, _SESSION, secret, int(MAX_LIFETIME.total_seconds()))
    _forget(request, response, _VISITOR)


def end_visit(request: Request, response: Response, hub: LocalHub) -> None:
    """End the session of this browser, if there is one."""
    _end(request, hub)
    _forget(request, response, _SESSION)


def form_word(request: Request, hub: LocalHub) -> str:
    """Return the CSRF token of this browser's forms; empty when the browser has no cookie yet."""
    visit = visit_of(request, hub)
    secret = visit.secret if visit else _cookie(request, _VISITOR)
    return seal(hub, _FORM, secret) if secret else ""


def new_word(request: Request, hub: LocalHub) -> tuple[str, str]:
    """Return the CSRF token of a page shown before login, and the secret to `remember` if a new one was made."""
    if word := form_word(request, hub):
        return word, ""
    secret = secrets.token_urlsafe(32)
    return seal(hub, _FORM, secret), secret


def remember(request: Request, response: Response, secret: str) -> None:
    """Set the cookie with the secret that `new_word` has made, if any."""
    if secret:
        _set(request, response, _VISITOR, secret, None)


def address_of(request: Request) -> str:
    """Return the client's address, as far as trusted proxies say."""
    return request.client.host if request.client else ""


def own_path(text: str) -> str:
    """Return `text` if it is a path of this server that a page may redirect to, else `/`."""
    is_own = text.startswith("/") and not text.startswith(("//", "/\\")) and len(text) <= _MAX_ADDRESS
    return text if is_own and text.isascii() and text.isprintable() and "\\" not in text else "/"


def _end(request: Request, hub: LocalHub) -> None:
    visit = visit_of(request, hub)
    request.state.visit = None
    if visit is not None and visit.caller.account is not None:
        actor = Actor(visit.caller.account.name, visit.caller.actor.token, address_of(request))
        Sessions(hub.registry.database).end(visit.caller.account, visit.session.id, actor)


def _cookie(request: Request, name: str) -> str:
    value = request.cookies.get(_named(request, name), "")
    return value if len(value) <= _MAX_COOKIE and value.isascii() else ""


def _set(request: Request, response: Response, name: str, value: str, seconds: int | None) -> None:
    response.set_cookie(
        _named(request, name),
        value,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="lax",
        secure=_is_secure(request),
    )


def _forget(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(_named(request, name), path="/", httponly=True, samesite="lax", secure=_is_secure(request))


def _named(request: Request, name: str) -> str:
    return f"__Host-{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"
