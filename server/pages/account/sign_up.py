"""/signup: create an account, where an administrator allows visitors to."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import Conflict, HubError, InvalidRequest, RateLimited
from hub.local import LocalHub
from hub.registry.accounts.secrets import MIN_LENGTH
from hub.registry.membership.sign_up import require_open, sign_up
from server.auth.access import Hub
from server.auth.browser_session import (
    begin_browser_session,
    browser_session_of,
    client_address,
    local_path,
    new_csrf_token,
    remember,
)
from server.auth.csrf_forms import Form, SubmittedForm
from server.pages.account.password_and_sessions import require_match
from server.pages.account.settings_frame import typed
from server.pages.login import FORM_HEADERS, SEE_OTHER, check_password
from server.pages.rendering import render


def show_form(request: Request, hub: Hub) -> Response:
    """Show the form, or redirect users who are logged in. Raises Forbidden if visitors may not sign up."""
    target = local_path(request.query_params.get("next", "/settings"))
    if browser_session_of(request, hub) is not None:
        return RedirectResponse(target, SEE_OTHER)
    require_open(hub.registry.database)
    return _page(request, hub, target)


def create_account(request: Request, hub: Hub, form: SubmittedForm) -> Response:
    """Create the account, start a session and redirect to the page that was requested. Raises Forbidden."""
    name, password, address = form.get("name").strip(), form.get("new"), client_address(request)
    target = local_path(form.get("next") or "/settings")
    try:
        require_match(form)
        account = sign_up(
            hub.registry.database, name, password, address, full_name=form.get("full_name").strip(),
            local_owner=hub.home.owner,
        )  # fmt: skip
    except Conflict as error:
        # The form was sent twice, or another person has the name: only its owner knows the password.
        if not check_password(hub, name, password, address):
            return _page(request, hub, target, form=form, problem=error)
        account = hub.accounts.get(name)
    except (InvalidRequest, RateLimited) as error:
        return _page(request, hub, target, form=form, problem=error)
    response = RedirectResponse(target, SEE_OTHER)
    begin_browser_session(request, response, hub, account)
    return response


def _page(
    request: Request, hub: LocalHub, target: str, *, form: Form | None = None, problem: HubError | None = None
) -> Response:
    csrf_token, secret = new_csrf_token(request, hub)
    context = {
        "csrf_token": csrf_token,
        "next": target,
        "problem": problem,
        "typed": typed(form, "name", "full_name"),
        "min_length": MIN_LENGTH,
    }
    headers = FORM_HEADERS | ({"Retry-After": str(problem.wait_s)} if isinstance(problem, RateLimited) else {})
    status = problem.status if problem else 200
    page = render("account/signup.html", context, request=request, status=status, headers=headers)
    remember(request, page, secret)
    return page
