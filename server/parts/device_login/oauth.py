"""OAuth, as far as `hf auth login` needs it: the device flow (RFC 8628) and refresh tokens (RFC 6749, section 6).

Errors are OAuth's own: a word in `error`, a sentence in `error_description`, status 400.
"""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import parse_qsl, quote

from fastapi import Depends, Request
from starlette.responses import JSONResponse, Response

from hub.errors import WrongRequest
from hub.registry.accounts.login_throttle import Door, try_doors
from server.auth.access import Hub
from server.auth.browser_session import address_of
from server.http.addresses import absolute
from server.http.bodies import read_body
from server.http.routing import Address
from server.parts.device_login.device_codes import Devices
from server.parts.device_login.refresh_tokens import Grant, renew

DEVICE, REFRESH = "urn:ietf:params:oauth:grant-type:device_code", "refresh_token"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
HUGGING_FACE = "26be6b09-91c5-47da-9861-d2d2bb7a7e36"
"""What huggingface_hub calls itself, `DEVICE_CODE_OAUTH_CLIENT_ID` in its constants."""
_MOST_BYTES = 64 << 10
_LONGEST_CLIENT = 100
_MOST_LOGINS = 60
"""Codes that one address may ask for within the window of `hub.registry.accounts.login_throttle`."""
_MEANINGS = {
    "authorization_pending": "nobody has answered yet: ask again.",
    "slow_down": "this came too soon: wait five seconds longer each time.",
    "expired_token": "nobody has answered in time: begin again.",
    "access_denied": "the login was turned away.",
    "invalid_grant": "this code or refresh token is none, was used, or has ended: log in again.",
}
_NO_EXCHANGE = (
    "trusted publishing is not served here: give the job a token of its own, `hub admin token create NAME --role write "
    "--repo OWNER/NAME`, as HF_TOKEN."
)


async def _parameters(request: Request) -> dict[str, str]:
    """A form, as OAuth says; JSON, as huggingface_hub sends an exchange."""
    body = await read_body(request, _MOST_BYTES)
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            found = json.loads(body)
            return {str(key): str(value) for key, value in found.items()}
        return dict(parse_qsl(body.decode(), max_num_fields=50))
    except (ValueError, AttributeError, RecursionError) as error:
        raise WrongRequest("this body is neither a form nor a JSON object.") from error


Parameters = Annotated[dict[str, str], Depends(_parameters)]


def begin_login(request: Request, hub: Hub, parameters: Parameters) -> Response:
    """A code for the device, and one for the person."""
    client, address = parameters.get("client_id", ""), address_of(request)
    if not client or len(client) > _LONGEST_CLIENT or not client.isprintable():
        return _refuse("invalid_request", f"`client_id` must have 1 to {_LONGEST_CLIENT} characters.")
    try_doors(hub.registry.database, [Door(f"device login from {address}", _MOST_LOGINS)])
    asked = Devices(hub.registry.database).ask(client, address)
    page = absolute(request, "/device")
    return _answer(
        {
            "device_code": asked.device_code,
            "user_code": asked.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={quote(asked.user_code)}",
            "expires_in": asked.seconds,
            "interval": asked.interval_s,
        }
    )


def give_token(request: Request, hub: Hub, parameters: Parameters) -> Response:
    """A token for a device that was let in, or the next one for a refresh token."""
    kind, database, address = parameters.get("grant_type", ""), hub.registry.database, address_of(request)
    if kind == DEVICE:
        client = parameters.get("client_id", "")
        label = f"{client_name(client)} login"
        found = Devices(database).redeem(parameters.get("device_code", ""), client, label, address)
    elif kind == REFRESH:
        found = renew(database, parameters.get("refresh_token", ""), address) or "invalid_grant"
    elif kind == EXCHANGE:
        return _refuse("unsupported_grant_type", _NO_EXCHANGE)
    else:
        return _refuse("unsupported_grant_type", f"`grant_type` must be `{DEVICE}` or `{REFRESH}`.")
    if not isinstance(found, Grant):
        return _refuse(found, _MEANINGS[found])
    return _answer(
        {
            "access_token": found.token,
            "token_type": "bearer",
            "expires_in": found.seconds,
            "refresh_token": found.refresh_token,
        }
    )


def client_name(client: str) -> str:
    """What people know a program by."""
    return "hf" if client == HUGGING_FACE else client


def _refuse(error: str, meaning: str) -> Response:
    return _answer({"error": error, "error_description": meaning}, 400)


def _answer(body: dict[str, str | int], status: int = 200) -> Response:
    return JSONResponse(body, status, {"Cache-Control": "no-store", "Pragma": "no-cache"})


ROUTES = (
    Address("POST", "/oauth/device", begin_login),
    Address("POST", "/oauth/token", give_token),
)
