"""The OAuth endpoints that `hf auth login` needs: the device flow (RFC 8628) and refresh tokens (RFC 6749, section 6).

Errors follow OAuth: status 400, a code in `error`, a sentence in `error_description`.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl, quote

from fastapi import Depends, Request
from starlette.responses import JSONResponse, Response

from hub.errors import InvalidRequest
from hub.registry.accounts.login_throttle import AttemptLimit, count_attempt
from hub.strict_json import parse_json
from server.auth.access import Hub
from server.auth.browser_session import client_address
from server.http.request_bodies import read_body
from server.http.routing import RouteSpec
from server.http.urls import absolute
from server.parts.device_login.device_codes import Devices
from server.parts.device_login.refresh_tokens import TokenGrant, renew

DEVICE, REFRESH = "urn:ietf:params:oauth:grant-type:device_code", "refresh_token"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
HUGGING_FACE = "26be6b09-91c5-47da-9861-d2d2bb7a7e36"
"""Client id of huggingface_hub: `DEVICE_CODE_OAUTH_CLIENT_ID` in its constants."""
_MAX_BYTES = 64 << 10
_MAX_CLIENT = 100
_MAX_LOGINS = 60
"""Logins that one IP address can start within the window of `hub.registry.accounts.login_throttle`."""
_DESCRIPTIONS = {
    "authorization_pending": "not authorized yet: keep polling.",
    "slow_down": "polled too often: increase the interval between requests by five seconds.",
    "expired_token": "the code has expired: start again.",
    "access_denied": "the user denied access.",
    "invalid_grant": "the code or refresh token is invalid, used or expired: log in again.",
}
_NO_EXCHANGE = (
    "trusted publishing is not supported: set HF_TOKEN to a token from `hub admin token create NAME --role write "
    "--repo OWNER/NAME`."
)


async def _parameters(request: Request) -> dict[str, str]:
    """Return the fields of a form, as OAuth specifies, or of a JSON object, which huggingface_hub sends for token exchange."""
    body = await read_body(request, _MAX_BYTES)
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            return {str(key): str(value) for key, value in parse_json(body).items()}
        return dict(parse_qsl(body.decode(), max_num_fields=50))
    except (ValueError, AttributeError) as error:
        raise InvalidRequest("the request body is neither a form nor a JSON object.") from error


Parameters = Annotated[dict[str, str], Depends(_parameters)]


def begin_login(request: Request, hub: Hub, parameters: Parameters) -> Response:
    """Start a device login: return a device code and a user code. Raises RateLimited."""
    client, address = parameters.get("client_id", ""), client_address(request)
    if not client or len(client) > _MAX_CLIENT or not client.isprintable():
        return _error("invalid_request", f"`client_id` must have 1 to {_MAX_CLIENT} characters.")
    count_attempt(hub.registry.database, [AttemptLimit(f"device login from {address}", _MAX_LOGINS)])
    codes = Devices(hub.registry.database).start(client, address)
    page = absolute(request, "/device")
    return _oauth_response(
        {
            "device_code": codes.device_code,
            "user_code": codes.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={quote(codes.user_code)}",
            "expires_in": codes.seconds,
            "interval": codes.interval_s,
        }
    )


def issue_token(request: Request, hub: Hub, parameters: Parameters) -> Response:
    """Return tokens for an authorized device, or new ones for a refresh token."""
    kind, database, address = parameters.get("grant_type", ""), hub.registry.database, client_address(request)
    if kind == DEVICE:
        client = parameters.get("client_id", "")
        device_code, label = parameters.get("device_code", ""), f"{client_name(client)} login"
        found = Devices(database).redeem(device_code, client, label, address)
    elif kind == REFRESH:
        found = renew(database, parameters.get("refresh_token", ""), address) or "invalid_grant"
    elif kind == EXCHANGE:
        return _error("unsupported_grant_type", _NO_EXCHANGE)
    else:
        return _error("unsupported_grant_type", f"`grant_type` must be `{DEVICE}` or `{REFRESH}`.")
    if not isinstance(found, TokenGrant):
        return _error(found, _DESCRIPTIONS[found])
    return _oauth_response(
        {
            "access_token": found.token,
            "token_type": "bearer",
            "expires_in": found.seconds,
            "refresh_token": found.refresh_token,
        }
    )


def client_name(client: str) -> str:
    """Return the display name of a client."""
    return "hf" if client == HUGGING_FACE else client


def _error(error: str, description: str) -> Response:
    return _oauth_response({"error": error, "error_description": description}, 400)


def _oauth_response(body: dict[str, str | int], status: int = 200) -> Response:
    return JSONResponse(body, status, {"Cache-Control": "no-store", "Pragma": "no-cache"})


ROUTES = (
    RouteSpec("POST", "/oauth/device", begin_login),
    RouteSpec("POST", "/oauth/token", issue_token),
)
