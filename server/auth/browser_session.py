"""People in browsers: the session behind a cookie, and the word that ties a form to it.

The cookie is HttpOnly and SameSite=Lax; behind https it is Secure, and its name begins with `__Host-`, so that no other host of
the same domain can set it. It counts for reading alone: what changes something comes from a form of ours (`server.auth.csrf_forms`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from hub.local import LocalHub
from hub.registry.accounts.permissions import Account, Actor, Caller, Token
from hub.registry.accounts.sessions import LONGEST, Session, Sessions
from server.http.signed_links import seal

_SESSION, _VISITOR = "linguahub", "linguahub-visitor"
"""The second one is of people who are not logged in: the form that logs them in needs something to be tied to."""
_FORM = "form"
_LONGEST_COOKIE = 200
_LONGEST_ADDRESS = 500


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is logged in, in this browser."""

    secret: str
    session: Session
    caller: Caller


def visit_of(request: Request, hub: LocalHub) -> Visit | None:
    """The session of this browser; None without one, or when it is over. Found once a request."""
    if not hasattr(request.state, "visit"):
        secret = _cookie(request, _SESSION)
        found = Sessions(hub.registry.database).find(secret) if secret else None
        request.state.visit = Visit(secret, *found) if found else None
    visit: Visit | None = request.state.visit
    return visit


def begin_visit(
    request: Request, response: Response, hub: LocalHub, account: Account, *, token: Token | None = None
) -> None:
    """Log somebody in: a new session, and the one that the browser had before is over."""
    _end(request, hub)
    actor = Actor(account.name, token.name if token else "password", address_of(request))
    agent = " ".join(request.headers.get("user-agent", "").split())
    secret = Sessions(hub.registry.database).begin(account, actor, token=token, agent=agent)
    _set(request, response, _SESSION, secret, int(LONGEST.total_seconds()))
    _forget(request, response, _VISITOR)


def end_visit(request: Request, response: Response, hub: LocalHub) -> None:
    """Log out; nothing happens when nobody is logged in."""
    _end(request, hub)
    _forget(request, response, _SESSION)


def form_word(request: Request, hub: LocalHub) -> str:
    """What a form of this browser must carry; empty when the browser has nothing to tie it to yet."""
    visit = visit_of(request, hub)
    secret = visit.secret if visit else _cookie(request, _VISITOR)
    return seal(hub, _FORM, secret) if secret else ""


def new_word(request: Request, hub: LocalHub) -> tuple[str, str]:
    """As `form_word`, for a page that people see before they log in: the word, and the secret to `remember` if one was made."""
    if word := form_word(request, hub):
        return word, ""
    secret = secrets.token_urlsafe(32)
    return seal(hub, _FORM, secret), secret


def remember(request: Request, response: Response, secret: str) -> None:
    """Give the browser the secret that `new_word` has made, if it has."""
    if secret:
        _set(request, response, _VISITOR, secret, None)


def address_of(request: Request) -> str:
    """Where the client is, as far as trusted proxies say."""
    return request.client.host if request.client else ""


def own_path(text: str) -> str:
    """An address of this server that a page may lead back to; `/` for any other."""
    is_own = text.startswith("/") and not text.startswith(("//", "/\\")) and len(text) <= _LONGEST_ADDRESS
    return text if is_own and text.isascii() and text.isprintable() and "\\" not in text else "/"


def _end(request: Request, hub: LocalHub) -> None:
    visit = visit_of(request, hub)
    request.state.visit = None
    if visit is not None and visit.caller.account is not None:
        actor = Actor(visit.caller.account.name, visit.caller.actor.token, address_of(request))
        Sessions(hub.registry.database).end(visit.caller.account, visit.session.id, actor)


def _cookie(request: Request, name: str) -> str:
    value = request.cookies.get(_named(request, name), "")
    return value if len(value) <= _LONGEST_COOKIE and value.isascii() else ""


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
