"""Middleware for every request: encoded paths, response headers, the access log."""

from __future__ import annotations

import logging
import re
import time
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing inline and nothing external: a card's author cannot run code in a reader's browser."""
_SAFE_ID = re.compile(r"[A-Za-z0-9._:;=-]{1,128}")
_SIGNED = re.compile(r"^(/lfs/(?:objects|parts|complete)/).+")
_log = logging.getLogger("server.access")


class HttpLayer(ABC):
    """A layer around every HTTP request; other events, such as the server's start, pass by."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call `serve` for HTTP requests, else `app`."""
        await (self.serve if scope["type"] == "http" else self.app)(scope, receive, send)

    @abstractmethod
    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an HTTP request with the help of `app`."""


class EncodedPath(HttpLayer):
    """Lets routes match the path as it was sent, so that `%2F` does not split a segment."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Replace the decoded path of an HTTP request."""
        raw = scope.get("raw_path")
        scope["path"] = raw.decode("ascii", "replace") if raw else quote(scope["path"])
        await self.app(scope, receive, send)


class AnswerHeaders(HttpLayer):
    """Adds the request's id and the security headers; an endpoint may override them."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the request an id, `scope["state"]["request_id"]`, and the response its headers."""
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(MutableHeaders(scope=message), request_id)
            await send(message)

        await self.app(scope, receive, send_with_headers)


@dataclass(slots=True)
class Exchange:
    """What was measured of a request and its response so far."""

    status: int = 500
    received_bytes: int = 0
    sent_bytes: int = 0
    seconds: float = 0.0


class Observer(HttpLayer):
    """Observes every request when its last byte was sent or when it failed."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and measure it."""
        began, seen = time.perf_counter(), Exchange()

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
            seen.seconds = time.perf_counter() - began
            self.observe(scope, seen)

    @abstractmethod
    def observe(self, scope: Scope, seen: Exchange) -> None:
        """Record a finished request."""


class AccessLog(Observer):
    """One line per request: client, method, path, status, bytes, milliseconds, id.

    Query strings and headers are left out, because they may hold tokens; so is the signed part of an upload or download link,
    which would let readers of the log use it.
    """

    def observe(self, scope: Scope, seen: Exchange) -> None:
        """Write the line."""
        client, path = (scope.get("client") or ("-",))[0], _SIGNED.sub(r"\1…", scope["path"])
        request_id = scope.get("state", {}).get("request_id", "-")
        answered = (seen.status, seen.sent_bytes, 1000 * seen.seconds, request_id)
        _log.info("%s %s %s %d %d B %.1f ms %s", client, scope["method"], path, *answered)


def add_headers(headers: MutableHeaders, request_id: str) -> None:
    """Add the headers of every response."""
    headers["X-Request-Id"] = request_id
    headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")


def _request_id(headers: Headers) -> str:
    """Return the client's own id if it is safe to log; Hugging Face clients send theirs as `X-Amzn-Trace-Id`."""
    for name in ("x-request-id", "x-amzn-trace-id"):
        if _SAFE_ID.fullmatch(headers.get(name, "")):
            return headers[name]
    return uuid.uuid4().hex
