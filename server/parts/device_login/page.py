"""/device: a signed-in user authorizes the device that shows a code, or denies it."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.errors import HubError, RateLimited
from hub.local import LocalHub
from hub.registry.accounts.login_throttle import AttemptLimit, count_attempt
from server.auth.access import Hub
from server.auth.browser_session import Visit, form_word
from server.auth.caller import actor_of
from server.auth.csrf_forms import Member, account_in
from server.http.routing import Address
from server.pages.login import FORM_HEADERS
from server.pages.rendering import render
from server.pages.settings import Owned
from server.parts.device_login.device_codes import Device, Devices, UnknownCode
from server.parts.device_login.oauth import client_name

_MAX_ATTEMPTS = 20
"""Codes that a user may enter within the window of `hub.registry.accounts.login_throttle`."""


def show_device(request: Request, hub: Hub, visit: Member, user_code: str = "") -> Response:
    """Ask for a code; with a code, show the device that waits for authorization."""
    if not user_code.strip():
        return _page(request, hub, visit)
    try:
        return _page(request, hub, visit, device=_device(hub, visit, user_code))
    except (UnknownCode, RateLimited) as error:
        return _page(request, hub, visit, problem=error)


def answer_device(request: Request, hub: Hub, form: Owned) -> Response:
    """Authorize the device with a read or write token, or deny it."""
    assert form.visit is not None
    role = form.get("role") if form.get("answer") == "accept" else ""
    try:
        device = _device(hub, form.visit, form.get("user_code"))
        actor = actor_of(request, form.visit.caller)
        Devices(hub.registry.database).answer(device.user_code, account_in(form.visit), role, actor)
    except (UnknownCode, RateLimited) as error:
        return _page(request, hub, form.visit, problem=error)
    return _page(request, hub, form.visit, answered="accepted" if role else "denied", device=device)


def _device(hub: LocalHub, visit: Visit, user_code: str) -> Device:
    """Return the device behind a code. Every lookup counts as an attempt, so codes cannot be guessed."""
    account = account_in(visit)
    count_attempt(hub.registry.database, [AttemptLimit(f"code of a device by {account.key}", _MAX_ATTEMPTS)])
    return Devices(hub.registry.database).get(user_code)


def _page(
    request: Request,
    hub: LocalHub,
    visit: Visit,
    *,
    device: Device | None = None,
    answered: str = "",
    problem: HubError | None = None,
) -> Response:
    context = {
        "account": account_in(visit),
        "is_own": visit.caller.may_change_account,
        "device": device,
        "client": client_name(device.client) if device else "",
        "answered": answered,
        "word": form_word(request, hub),
        "problem": problem,
    }
    status = problem.status if problem else 200
    return render("device.html", context, request=request, status=status, headers=FORM_HEADERS)


ROUTES = (
    Address("GET", "/device", show_device),
    Address("POST", "/device", answer_device),
)
