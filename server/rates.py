"""Rate limits over five minutes, in three buckets as on the Hugging Face Hub: api, resolvers, pages.

Requests with a valid token are counted by account, others by IP address. Every counted response has the remaining number of
requests in the header `RateLimit`, and huggingface_hub waits accordingly. Each process counts separately, or all of them count
together in the Redis at `$HUB_RATE_STORAGE`.

Sources: docs of the Hugging Face Hub, "Rate limits"; draft-ietf-httpapi-ratelimit-headers-09.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import urlsplit

from fastapi import Request
from limits import RateLimitItem, RateLimitItemPerSecond, WindowStats
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.errors import HubError, InvalidRequest, MissingExtra
from hub.local import LocalHub
from server.auth.caller import secret_of
from server.errors import error_response
from server.http.middleware import HttpLayer

WINDOW_S = 300
"""Seconds, as on the Hugging Face Hub."""
_KNOWN_S = 60.0
"""Seconds for which the account of a token is cached, for counting only: a revoked token stops working immediately."""
_MAX_KNOWN = 10_000
_STORAGE_TIMEOUT_S = 0.5
_STORAGE_PAUSE_S = 10.0
"""Seconds for which a process counts by itself after Redis did not respond."""
_STORAGES = ("redis", "rediss", "redis+unix")
_FREE = ("/static/", "/docs/", "/api/v1/health", "/api/v1/metrics")
_API = ("/api/", "/oauth/", "/cas/", "/lfs/", "/v1/")
_log = logging.getLogger("server.rates")


@dataclass(frozen=True, slots=True)
class Rates:
    """Maximum number of requests in WINDOW_S, by bucket.

    The defaults allow a `snapshot_download` of 20,000 files (two requests per file) but stop a runaway loop.
    """

    api: int = 10_000
    resolvers: int = 50_000
    pages: int = 3_000
    count_loopback: bool = False
    """Whether requests from the machine of the server are counted as well."""
    storage: str = ""
    """URL of the Redis in which all processes count together; empty if each counts by itself."""

    @classmethod
    def parse(cls, text: str) -> Rates | None:
        """Parse `api=1000,pages=100`: other buckets keep their defaults, and requests from this machine are counted, too.

        Returns the defaults for an empty text and None for `off`. Raises InvalidRequest.
        """
        if text.strip() in {"", "off"}:
            return None if text.strip() else DEFAULT_RATES
        given: dict[str, int] = {}
        for part in text.split(","):
            name, _, number = (each.strip() for each in part.partition("="))
            if name not in BUCKETS or not number.isdecimal() or not 1 <= int(number) <= 10**9:
                raise InvalidRequest(
                    f"`{part.strip()[:80]}` is not a rate limit: write `api=10000,resolvers=50000,pages=3000`, or `off`."
                )
            given[name] = int(number)
        chosen = {name: given.get(name, getattr(DEFAULT_RATES, name)) for name in BUCKETS}
        return cls(chosen["api"], chosen["resolvers"], chosen["pages"], count_loopback=True)


DEFAULT_RATES = Rates()


def configured_rates(environment: Mapping[str, str] | None = None) -> Rates | None:
    """Return the rates in `$HUB_RATE_LIMITS`, as `Rates.parse` does, counted in `$HUB_RATE_STORAGE`.

    Raises InvalidRequest, and MissingExtra if the client of Redis is not installed.
    """
    environment = os.environ if environment is None else environment
    rates, storage = Rates.parse(environment.get("HUB_RATE_LIMITS", "")), environment.get("HUB_RATE_STORAGE", "")
    if rates is None or not storage:
        return rates
    SharedCounts(storage)  # Raises before anything is started.
    return replace(rates, storage=storage)


BUCKETS = ("api", "resolvers", "pages")


class Counts:
    """Counts the requests of each client in this process."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def hit(self, item: RateLimitItem, client: str) -> tuple[bool, WindowStats]:
        """Count a request, and return whether it is allowed, and what remains of the window."""
        return self._limiter.hit(item, client), self._limiter.get_window_stats(item, client)


class SharedCounts(Counts):
    """Counts in Redis, together with all other processes; by itself for a while if Redis does not respond."""

    def __init__(self, url: str) -> None:
        super().__init__()
        address, timeout_s = urlsplit(url), _STORAGE_TIMEOUT_S
        if address.scheme not in _STORAGES:
            raise InvalidRequest(
                f"HUB_RATE_STORAGE has the scheme `{address.scheme[:20]}`: use the URL of a Redis, such as redis://127.0.0.1:6379/0."
            )
        try:
            storage = storage_from_string(
                url, wrap_exceptions=True, socket_timeout=timeout_s, socket_connect_timeout=timeout_s
            )
        except ConfigurationError as error:
            raise MissingExtra("redis", "HUB_RATE_STORAGE") from error
        except ValueError as error:
            raise InvalidRequest(f"HUB_RATE_STORAGE is not the URL of a Redis: {error}") from error
        self._shared = FixedWindowRateLimiter(storage)
        self._address = address.hostname or address.path
        self._retry_at = 0.0

    async def hit(self, item: RateLimitItem, client: str) -> tuple[bool, WindowStats]:
        """See `Counts.hit`."""
        if time.monotonic() >= self._retry_at:
            try:
                return await run_in_threadpool(self._hit_shared, item, client)
            except StorageError as error:
                self._retry_at = time.monotonic() + _STORAGE_PAUSE_S
                reason = type(error.storage_error).__name__
                _log.error(
                    "Redis at %s does not respond (%s): this process counts requests itself", self._address, reason
                )
        return await super().hit(item, client)

    def _hit_shared(self, item: RateLimitItem, client: str) -> tuple[bool, WindowStats]:
        return self._shared.hit(item, client), self._shared.get_window_stats(item, client)


class RateLimit(HttpLayer):
    """Counts requests, adds the remaining number to responses, and returns 429 when none remain."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        super().__init__(app)
        self._items = {name: RateLimitItemPerSecond(getattr(rates, name), WINDOW_S, name) for name in BUCKETS}
        self._count_loopback = rates.count_loopback
        self._counts = SharedCounts(rates.storage) if rates.storage else Counts()
        self._known: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request, or return 429."""
        bucket = bucket_of(scope["path"])
        if not bucket or (not self._count_loopback and _is_loopback(scope)):
            await self.app(scope, receive, send)
            return
        item, client = self._items[bucket], await self._client_key(scope)
        is_allowed, window = await self._counts.hit(item, client)
        wait_s = max(1, round(window.reset_time - time.time()))
        headers = {
            "RateLimit": f'"{bucket}";r={window.remaining};t={wait_s}',
            "RateLimit-Policy": f'"fixed window";"{bucket}";q={item.amount};w={WINDOW_S}',
        }
        if not is_allowed:
            # A device that polls for its token only understands OAuth's error codes.
            message = "slow_down" if scope["path"] == "/oauth/token" else f"too many requests: try again in {wait_s} s."
            refusal = error_response(Request(scope), 429, message, headers | {"Retry-After": str(wait_s)})
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers)
            await send(message)

        await self.app(scope, receive, send_with_headers)

    async def _client_key(self, scope: Scope) -> str:
        """Return the account to count the request for, or the IP address without a valid token."""
        header = Headers(scope=scope).get("authorization", "")
        if header:
            key = hashlib.sha256(header.encode()).digest()
            known, until = self._known.get(key, ("", 0.0))
            if until < time.monotonic():
                known = await run_in_threadpool(_account, cast(LocalHub, scope["app"].state.hub), header)
                self._known[key] = known, time.monotonic() + _KNOWN_S
                self._known.move_to_end(key)
                if len(self._known) > _MAX_KNOWN:
                    self._known.popitem(last=False)
            if known:
                return known
        return f"address {network_of(_host(scope))}"


def bucket_of(path: str) -> str:
    """Return the bucket of a request; empty for paths without limits."""
    if path.startswith(_FREE):
        return ""
    if "/resolve/" in path or "/viewer/" in path or path.startswith("/lfs/objects/"):
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


def _is_loopback(scope: Scope) -> bool:
    try:
        return ipaddress.ip_address(_host(scope)).is_loopback
    except ValueError:
        return False


def network_of(host: str) -> str:
    """Return an IPv4 address unchanged, or the /64 network of an IPv6 address, which is usually one household."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(address if address.version == 4 else ipaddress.ip_network((int(address) >> 64 << 64, 64)))
