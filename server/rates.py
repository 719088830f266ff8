"""How many requests somebody may make in five minutes, in three buckets as on the Hugging Face Hub: api, resolvers, pages.

Who sends a valid token is counted by account, everybody else by address. Every limited answer says in `RateLimit` what is
left; huggingface_hub waits as long as it says. Each worker counts for itself.

Sources: docs of the Hugging Face Hub, "Rate limits"; draft-ietf-httpapi-ratelimit-headers-09.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import cast

from fastapi import Request
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.errors import HubError, WrongRequest
from hub.local import LocalHub
from server.auth.caller import secret_of
from server.errors import answer
from server.http.middleware import HttpLayer

WINDOW_S = 300
"""Seconds; the Hub's own window."""
_KNOWN_S = 60.0
"""How long it is remembered whose a token is, for counting alone: a token that is revoked is worth nothing at once."""
_MOST_KNOWN = 10_000
_FREE = ("/static/", "/api/v1/health", "/api/v1/metrics")
_API = ("/api/", "/oauth/", "/cas/", "/lfs/", "/v1/")


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests in WINDOW_S, by bucket.

    The defaults let one `snapshot_download` of 20,000 files through (two requests a file) and stop a loop that has gone wild.
    """

    api: int = 10_000
    resolvers: int = 50_000
    pages: int = 3_000
    here_too: bool = False
    """Whether programs on the server's own machine are counted as well."""

    @classmethod
    def read(cls, text: str) -> Rates | None:
        """`api=1000,pages=100`, where what is not named keeps its default and programs on this machine are counted, too.

        The defaults for an empty text, None for `off`. Raises WrongRequest.
        """
        if text.strip() in {"", "off"}:
            return None if text.strip() else DEFAULT_RATES
        given: dict[str, int] = {}
        for part in text.split(","):
            name, _, number = (each.strip() for each in part.partition("="))
            if name not in BUCKETS or not number.isdecimal() or not 1 <= int(number) <= 10**9:
                raise WrongRequest(
                    f"`{part.strip()[:80]}` is no rate limit: write `api=10000,resolvers=50000,pages=3000`, or `off`."
                )
            given[name] = int(number)
        return cls(**given, here_too=True)


DEFAULT_RATES = Rates()


def configured_rates(environment: Mapping[str, str] | None = None) -> Rates | None:
    """`$HUB_RATE_LIMITS`, as `Rates.read` says."""
    environment = os.environ if environment is None else environment
    return Rates.read(environment.get("HUB_RATE_LIMITS", ""))


BUCKETS = tuple(each.name for each in fields(Rates) if each.name != "here_too")


class RateLimit(HttpLayer):
    """Counts requests, says what is left, and answers 429 when nothing is."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        super().__init__(app)
        self._items = {name: RateLimitItemPerSecond(getattr(rates, name), WINDOW_S, name) for name in BUCKETS}
        self._here_too = rates.here_too
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or not."""
        bucket = bucket_of(scope["path"])
        if not bucket or (not self._here_too and _is_here(scope)):
            await self.app(scope, receive, send)
            return
        item, who = self._items[bucket], await self._who(scope)
        is_allowed = self._limiter.hit(item, who)
        window = self._limiter.get_window_stats(item, who)
        wait_s = max(1, round(window.reset_time - time.time()))
        headers = {
            "RateLimit": f'"{bucket}";r={window.remaining};t={wait_s}',
            "RateLimit-Policy": f'"fixed window";"{bucket}";q={item.amount};w={WINDOW_S}',
        }
        if not is_allowed:
            # A device that asks for its token reads OAuth's words alone.
            said = "slow_down" if scope["path"] == "/oauth/token" else f"too many requests: try again in {wait_s} s."
            refusal = answer(Request(scope), 429, said, headers | {"Retry-After": str(wait_s)})
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self.app(scope, receive, send_with_headers)

    async def _who(self, scope: Scope) -> str:
        """Account or address. A token that is none counts for the address: making up many helps nobody."""
        header = Headers(scope=scope).get("authorization", "")
        if header:
            key = hashlib.sha256(header.encode()).digest()
            known, until = self._known.get(key, ("", 0.0))
            if until < time.monotonic():
                known = await run_in_threadpool(_account, cast(LocalHub, scope["app"].state.hub), header)
                self._known[key] = known, time.monotonic() + _KNOWN_S
                self._known.move_to_end(key)
                if len(self._known) > _MOST_KNOWN:
                    self._known.popitem(last=False)
            if known:
                return known
        return f"address {_network(_host(scope))}"


def bucket_of(path: str) -> str:
    """Which bucket a request takes from; empty for what is never limited."""
    if path.startswith(_FREE):
        return ""
    if "/resolve/" in path or path.startswith("/lfs/objects/"):
        return "resolvers"
    return "api" if path.startswith(_API) or ".git/" in path else "pages"


def _account(hub: LocalHub, header: str) -> str:
    try:
        caller = hub.tokens.caller(secret_of(header) or "")
    except HubError:
        return ""
    return f"account {caller.account.id}" if caller and caller.account else ""


def _host(scope: Scope) -> str:
    return str((scope.get("client") or ("-",))[0])


def _is_here(scope: Scope) -> bool:
    try:
        return ipaddress.ip_address(_host(scope)).is_loopback
    except ValueError:
        return False


def _network(host: str) -> str:
    """An address; of IPv6 the 64 bits that one household has."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(address if address.version == 4 else ipaddress.ip_network((int(address) >> 64 << 64, 64)))
