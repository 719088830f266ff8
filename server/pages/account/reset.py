"""/reset/{secret}: set a new password with a link that an administrator has made."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import HubError, InvalidRequest
from hub.local import LocalHub
from hub.registry.accounts.login_throttle import AttemptLimit, count_attempt, forget_old_attempts
from hub.registry.accounts.secrets import MIN_LENGTH
from hub.registry.membership.reset_links import use_reset_link, user_of_link
from server.auth.access import Hub
from server.auth.browser_session import client_address, end_browser_session, new_csrf_token, remember
from server.auth.csrf_forms import SubmittedForm
from server.http.urls import Segment
from server.pages.account.password_and_sessions import require_match
from server.pages.login import FORM_HEADERS, SEE_OTHER
from server.pages.rendering import render

_MAX_ATTEMPTS = 50
"""Links that one address can try within the window of `hub.registry.accounts.login_throttle`."""
_HEADERS = FORM_HEADERS | {"X-Robots-Tag": "noindex"}


def show_reset(request: Request, hub: Hub, secret: Segment) -> Response:
    """Show the form. Looking at it does not use the link. Raises ExpiredLink, RateLimited."""
    _count(request, hub)
    return _page(request, hub, secret)


def reset_password(request: Request, hub: Hub, form: SubmittedForm, secret: Segment) -> Response:
    """Set the password, end all sessions and redirect to the login. Raises ExpiredLink, RateLimited."""
    _count(request, hub)
    try:
        require_match(form)
        use_reset_link(hub.registry.database, secret, form.get("new"), client_address(request))
    except InvalidRequest as error:
        return _page(request, hub, secret, problem=error)
    request.state.session = None  # If this browser had one, it has ended, too.
    response = RedirectResponse("/login?done=reset", SEE_OTHER)
    end_browser_session(request, response, hub)
    return response


def _count(request: Request, hub: LocalHub) -> None:
    forget_old_attempts(hub.registry.database)
    count_attempt(hub.registry.database, [AttemptLimit(f"reset from {client_address(request)}", _MAX_ATTEMPTS)])


def _page(request: Request, hub: LocalHub, secret: str, *, problem: HubError | None = None) -> Response:
    user = user_of_link(hub.registry.database, secret)
    csrf_token, cookie = new_csrf_token(request, hub)
    context = {
        "csrf_token": csrf_token,
        "user": user,
        "secret": secret,
        "problem": problem,
        "min_length": MIN_LENGTH,
        "here": "",  # The address is secret, so no link can repeat it.
    }
    status = problem.status if problem else 200
    page = render("account/reset.html", context, request=request, status=status, headers=_HEADERS)
    remember(request, page, cookie)
    return page
