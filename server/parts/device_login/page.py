"""/device: somebody who is logged in lets a program in that shows a code, or turns it away."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from hub.errors import HubError, TooOften
from hub.local import LocalHub
from hub.registry.accounts.login_throttle import Door, try_doors
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

_TRIES = 20
"""Codes that somebody may type within the window of `hub.registry.accounts.login_throttle`."""


def show_device(request: Request, hub: Hub, visit: Member, user_code: str = "") -> Response:
    """Ask for the code; with a code, say who asks for what."""
    if not user_code.strip():
        return _page(request, hub, visit)
    try:
        return _page(request, hub, visit, device=_device(hub, visit, user_code))
    except (UnknownCode, TooOften) as error:
        return _page(request, hub, visit, problem=error)


def answer_device(request: Request, hub: Hub, form: Owned) -> Response:
    """Let it in with a token that writes, or only reads; or turn it away."""
    assert form.visit is not None
    role = form.get("role") if form.get("answer") == "accept" else ""
    try:
        device = _device(hub, form.visit, form.get("user_code"))
        actor = actor_of(request, form.visit.caller)
        Devices(hub.registry.database).answer(device.user_code, account_in(form.visit), role, actor)
    except (UnknownCode, TooOften) as error:
        return _page(request, hub, form.visit, problem=error)
    return _page(request, hub, form.visit, answered="accepted" if role else "denied", device=device)


def _device(hub: LocalHub, visit: Visit, user_code: str) -> Device:
    """Every look at a code is a try: nobody shall find one by typing many."""
    account = account_in(visit)
    try_doors(hub.registry.database, [Door(f"code of a device by {account.key}", _TRIES)])
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
