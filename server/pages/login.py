"""/login and /logout: with name and password, or with a token."""

from __future__ import annotations

import logging
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import HubError, RateLimited, Unauthenticated
from hub.local import LocalHub
from hub.registry.accounts.login_throttle import AttemptLimit, count_attempt, forget_old_attempts, reset_attempts
from hub.registry.accounts.permissions import Account, Token
from server.auth.access import Hub
from server.auth.browser_session import address_of, begin_visit, end_visit, new_word, own_path, remember, visit_of
from server.auth.csrf_forms import Form, Submitted
from server.pages.rendering import render

SEE_OTHER = 303
FORM_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
"""Pages with forms are not cached, and let browsers send `Origin`, which would be `null` without a referrer."""
_log = logging.getLogger("server.accounts")


def show_login(request: Request, hub: Hub) -> Response:
    """Show the form, or redirect when logged in."""
    target = own_path(request.query_params.get("next", "/"))
    if visit_of(request, hub) is not None:
        return RedirectResponse(target, SEE_OTHER)
    return _page(request, hub, target)


def log_in(request: Request, hub: Hub, form: Submitted) -> Response:
    """Start a session and redirect to the page that was requested."""
    target = own_path(form.get("next"))
    try:
        account, token = _by_token(request, hub, form) if form.get("token") else _by_password(request, hub, form)
    except (Unauthenticated, RateLimited) as error:
        _log.info("refused a login from %s", address_of(request))
        return _page(request, hub, target, problem=error, name=form.get("name"))
    answer = RedirectResponse(target, SEE_OTHER)
    begin_visit(request, answer, hub, account, token=token)
    return answer


def log_out(request: Request, hub: Hub, form: Submitted) -> Response:  # noqa: ARG001 - checked by being asked for
    """End the session of this browser."""
    answer = RedirectResponse("/", SEE_OTHER)
    end_visit(request, answer, hub)
    return answer


def check_password(hub: LocalHub, name: str, password: str, address: str) -> bool:
    """Return whether it is the user's password. Raises RateLimited after too many attempts, without checking it.

    Attackers cannot lock a user out for long: a hundred wrong passwords from anywhere, or ten from one address, block
    logins for a quarter of an hour and leave running sessions alone.
    """
    database, key = hub.registry.database, name.lower()
    own = AttemptLimit(f"password of {key} from {address}", 10)
    forget_old_attempts(database)
    count_attempt(database, [own, AttemptLimit(f"password of {key}", 100), _address_limit(address)])
    matched = hub.accounts.has_password(name, password)
    if matched:
        reset_attempts(database, [own])
    return matched


def _by_password(request: Request, hub: LocalHub, form: Form) -> tuple[Account, Token | None]:
    name = form.get("name").strip()
    if not check_password(hub, name, form.get("password"), address_of(request)):
        raise Unauthenticated("wrong username or password.")
    return hub.accounts.get(name), None


def _by_token(request: Request, hub: LocalHub, form: Form) -> tuple[Account, Token | None]:
    count_attempt(hub.registry.database, [_address_limit(address_of(request))])
    caller = hub.tokens.caller(form.get("token").strip())
    if caller is None or caller.account is None:
        raise Unauthenticated("this token is invalid, expired or revoked.")
    return caller.account, caller.token


def _address_limit(address: str) -> AttemptLimit:
    return AttemptLimit(f"login from {address}", 50)


def _page(request: Request, hub: LocalHub, target: str, *, problem: HubError | None = None, name: str = "") -> Response:
    word, secret = new_word(request, hub)
    context = {"word": word, "next": target, "problem": problem, "name": name}
    headers = FORM_HEADERS | ({"Retry-After": str(problem.wait_s)} if isinstance(problem, RateLimited) else {})
    page = render("login.html", context, request=request, status=problem.status if problem else 200, headers=headers)
    remember(request, page, secret)
    return page


async def lead_to_login(request: Request, _error: Exception) -> Response:
    """Answer `LogInFirst`: redirect to the login, which leads back to the requested page."""
    asked = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    target = own_path(asked) if request.method in {"GET", "HEAD"} else "/settings"
    return RedirectResponse(f"/login?{urlencode({'next': target})}", SEE_OTHER, {"Cache-Control": "no-store"})
