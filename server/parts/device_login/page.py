"""/device: a signed-in user authorizes the device that shows a code, or denies it."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.errors import HubError, RateLimited
from hub.local import LocalHub
from hub.registry.accounts.login_throttle import AttemptLimit, count_attempt
from server.auth.access import Hub
from server.auth.browser_session import BrowserSession, csrf_token_of
from server.auth.caller import actor_of
from server.auth.csrf_forms import PasswordForm, SignedIn, account_in
from server.http.routing import RouteSpec
from server.pages.login import FORM_HEADERS
from server.pages.rendering import render
from server.parts.device_login.device_codes import Device, Devices, UnknownCode
from server.parts.device_login.oauth import client_name

_MAX_ATTEMPTS = 20
"""Codes that a user can enter within the window of `hub.registry.accounts.login_throttle`."""


def show_device(request: Request, hub: Hub, session: SignedIn, user_code: str = "") -> Response:
    """Show a form for the code or, with a code, the device that waits for authorization."""
    if not user_code.strip():
        return _page(request, hub, session)
    try:
        return _page(request, hub, session, device=_device(hub, session, user_code))
    except (UnknownCode, RateLimited) as error:
        return _page(request, hub, session, problem=error)


def answer_device(request: Request, hub: Hub, form: PasswordForm) -> Response:
    """Authorize the device with a read or write token, or deny it."""
    assert form.session is not None
    role = form.get("role") if form.get("answer") == "accept" else ""
    try:
        device = _device(hub, form.session, form.get("user_code"))
        actor = actor_of(request, form.session.caller)
        Devices(hub.registry.database).answer(device.user_code, account_in(form.session), role, actor)
    except (UnknownCode, RateLimited) as error:
        return _page(request, hub, form.session, problem=error)
    return _page(request, hub, form.session, answered="accepted" if role else "denied", device=device)


def _device(hub: LocalHub, session: BrowserSession, user_code: str) -> Device:
    """Return the device that waits with a code. Every lookup counts as an attempt, so that codes cannot be guessed."""
    account = account_in(session)
    count_attempt(hub.registry.database, [AttemptLimit(f"code of a device by {account.key}", _MAX_ATTEMPTS)])
    return Devices(hub.registry.database).get(user_code)


def _page(
    request: Request,
    hub: LocalHub,
    session: BrowserSession,
    *,
    device: Device | None = None,
    answered: str = "",
    problem: HubError | None = None,
) -> Response:
    context = {
        "account": account_in(session),
        "is_own": session.caller.may_change_account,
        "device": device,
        "client": client_name(device.client) if device else "",
        "answered": answered,
        "csrf_token": csrf_token_of(request, hub),
        "problem": problem,
    }
    status = problem.status if problem else 200
    return render("device.html", context, request=request, status=status, headers=FORM_HEADERS)


ROUTES = (
    RouteSpec("GET", "/device", show_device),
    RouteSpec("POST", "/device", answer_device),
)
