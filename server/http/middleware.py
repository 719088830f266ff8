"""Middleware for all requests: encoded paths, response headers, the access log."""

from __future__ import annotations

import logging
import re
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing inline and nothing external is allowed, so that the author of a card cannot run code in a reader's browser."""
RECEIVED_DIRECTLY, SENT_DIRECTLY = "received_directly", "sent_directly"
"""Names of a request's state with the number of bytes that threads have transferred beside its messages."""
_SAFE_ID = re.compile(r"[A-Za-z0-9._:;=-]{1,128}")
_SECRET = re.compile(r"^(/lfs/\w+/|/reset/|(?:/api/v1)?/try/).+")
_MAX_LOGGED = 4000
"""Characters of a path that are logged: all of a valid one."""
_log = logging.getLogger("server.access")


class HttpLayer(ABC):
    """Middleware for HTTP requests; other events, such as the start of the server, are passed on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call `serve` for HTTP requests, else `app`."""
        await (self.serve if scope["type"] == "http" else self.app)(scope, receive, send)

    @abstractmethod
    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process an HTTP request, usually by calling `app`."""


class EncodedPath(HttpLayer):
    """Makes routes match the encoded path, so that `%2F` does not split a segment."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace the decoded path of the request by the encoded one."""
        raw = scope.get("raw_path")
        scope["path"] = raw.decode("ascii", "replace") if raw else quote(scope["path"])
        await self.app(scope, receive, send)


class ResponseHeaders(HttpLayer):
    """Adds the request id and the security headers; endpoints can override the latter."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set `scope["state"]["request_id"]`, and add the headers to the response."""
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message), request_id)
            await send(message)

        await self.app(scope, receive, send_with_headers)


@dataclass(slots=True)
class Exchange:
    """Measurements of a request and its response."""

    status: int = 500
    received_bytes: int = 0
    sent_bytes: int = 0
    seconds: float = 0.0


Observer = Callable[[Scope, Exchange], None]
"""Records a finished request."""


class Observed(HttpLayer):
    """Measures every request, and reports it to `observers` once the last byte was sent or the request failed."""

    def __init__(self, app: ASGIApp, observers: Sequence[Observer]) -> None:
        super().__init__(app)
        self._observers = observers

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request and measure it."""
        began_at, seen = time.perf_counter(), Exchange()

        async def receive_and_count() -> Message:
            message = await receive()
            seen.received_bytes += len(message.get("body", b""))
            return message

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
            seen.sent_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive_and_count, send_and_count)
        finally:
            state = scope.get("state", {})
            seen.received_bytes += state.get(RECEIVED_DIRECTLY, 0)
            seen.sent_bytes += state.get(SENT_DIRECTLY, 0)
            seen.seconds = time.perf_counter() - began_at
            for observe in self._observers:
                observe(scope, seen)


def log_access(scope: Scope, seen: Exchange) -> None:
    """Log one line per request: client, method, path, status, bytes, milliseconds, id.

    Query strings and headers are not logged because they may contain tokens; nor are the signed part of upload and download
    links, links to reset a password and the ids of images that visitors generate, which readers of the log could use.
    """
    client, path = (scope.get("client") or ("-",))[0], _SECRET.sub(r"\1…", scope["path"])[:_MAX_LOGGED]
    request_id = scope.get("state", {}).get("request_id", "-")
    response = (seen.status, seen.sent_bytes, 1000 * seen.seconds, request_id)
    _log.info("%s %s %s %d %d B %.1f ms %s", client, scope["method"], path, *response)


def add_headers(headers: MutableHeaders, request_id: str) -> None:
    """Add the headers of every response."""
    headers["X-Request-Id"] = request_id
    headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")


def _request_id(headers: Headers) -> str:
    """Return the id sent by the client if it is safe to log, else a new one. Hugging Face clients send `X-Amzn-Trace-Id`."""
    for name in ("x-request-id", "x-amzn-trace-id"):
        if _SAFE_ID.fullmatch(headers.get(name, "")):
            return headers[name]
    return uuid.uuid4().hex
