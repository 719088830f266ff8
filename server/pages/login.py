"""/login and /logout: log in with a password or a token, and log out."""

from __future__ import annotations

import logging
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import HubError, RateLimited, Unauthenticated
from hub.local import LocalHub
from hub.registry.accounts.login_throttle import AttemptLimit, count_attempt, forget_old_attempts, reset_attempts
from hub.registry.accounts.permissions import Account, Token
from hub.registry.membership.account_policy import account_policy
from server.auth.access import Hub
from server.auth.browser_session import (
    begin_browser_session,
    browser_session_of,
    client_address,
    end_browser_session,
    local_path,
    new_csrf_token,
    remember,
)
from server.auth.csrf_forms import Form, SubmittedForm
from server.pages.rendering import render

SEE_OTHER = 303
FORM_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
"""Headers of pages with forms: not cached, and with a referrer policy that lets browsers send `Origin` instead of `null`."""
_log = logging.getLogger("server.accounts")


def show_login(request: Request, hub: Hub) -> Response:
    """Show the form, or redirect users who are logged in."""
    target = local_path(request.query_params.get("next", "/"))
    if browser_session_of(request, hub) is not None:
        return RedirectResponse(target, SEE_OTHER)
    return _page(request, hub, target)


def log_in(request: Request, hub: Hub, form: SubmittedForm) -> Response:
    """Start a session and redirect to the page that was requested."""
    target = local_path(form.get("next"))
    try:
        account, token = _by_token(request, hub, form) if form.get("token") else _by_password(request, hub, form)
    except (Unauthenticated, RateLimited) as error:
        _log.info("refused a login from %s", client_address(request))
        return _page(request, hub, target, problem=error, name=form.get("name"))
    response = RedirectResponse(target, SEE_OTHER)
    begin_browser_session(request, response, hub, account, token=token)
    return response


def log_out(request: Request, hub: Hub, form: SubmittedForm) -> Response:  # noqa: ARG001 - the dependency checks it
    """End the session of this browser."""
    response = RedirectResponse("/", SEE_OTHER)
    end_browser_session(request, response, hub)
    return response


def check_password(hub: LocalHub, name: str, password: str, address: str) -> bool:
    """Return whether it is the user's password. After too many attempts, raise RateLimited without checking it.

    Ten wrong passwords from one address, or a hundred from anywhere, block logins for 15 minutes. Existing sessions continue, so
    attackers cannot lock out a user for long.
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
    if not check_password(hub, name, form.get("password"), client_address(request)):
        raise Unauthenticated("wrong username or password.")
    return hub.accounts.get(name), None


def _by_token(request: Request, hub: LocalHub, form: Form) -> tuple[Account, Token | None]:
    count_attempt(hub.registry.database, [_address_limit(client_address(request))])
    caller = hub.tokens.caller(form.get("token").strip())
    if caller is None or caller.account is None:
        raise Unauthenticated("this token is invalid, expired or revoked.")
    return caller.account, caller.token


def _address_limit(address: str) -> AttemptLimit:
    return AttemptLimit(f"login from {address}", 50)


def _page(request: Request, hub: LocalHub, target: str, *, problem: HubError | None = None, name: str = "") -> Response:
    csrf_token, secret = new_csrf_token(request, hub)
    context = {
        "csrf_token": csrf_token,
        "next": target,
        "problem": problem,
        "name": name,
        "may_sign_up": account_policy(hub.registry.database).sign_up,
        "is_reset": request.query_params.get("done") == "reset",
    }
    headers = FORM_HEADERS | ({"Retry-After": str(problem.wait_s)} if isinstance(problem, RateLimited) else {})
    page = render("login.html", context, request=request, status=problem.status if problem else 200, headers=headers)
    remember(request, page, secret)
    return page


async def redirect_to_login(request: Request, _error: Exception) -> Response:
    """Handle `LoginRequired`: redirect to the login, which redirects back to the requested page."""
    requested = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    target = local_path(requested) if request.method in {"GET", "HEAD"} else _page_of_form(request)
    return RedirectResponse(f"/login?{urlencode({'next': target})}", SEE_OTHER, {"Cache-Control": "no-store"})


def _page_of_form(request: Request) -> str:
    """Return the page from which a form was sent, which browsers name in `Referer`; `/settings` if they do not."""
    origin, referer = str(request.base_url).rstrip("/"), request.headers.get("referer", "")
    return local_path(referer.removeprefix(origin)) if referer.startswith(f"{origin}/") else "/settings"
