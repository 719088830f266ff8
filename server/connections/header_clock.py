"""A clock that closes connections whose headers take too long, and the end of connections when the server stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

MAX_HEADER_BYTES = 32 << 10
"""Size of the request line and all headers together: that of nginx's four buffers of 8 KB."""
HEADER_SECONDS = 20.0
"""Seconds from the connection, or from the first byte of a later request on it, until the headers are complete."""
LAST_REQUEST_S = 0.08
"""Seconds for which an idle connection still takes a request when its process stops: one may be on its way, and its client would see a
closed connection instead of a response. uvicorn itself waits for 0.1 s."""
FIRST_REQUEST_S = 1.0
"""The same for a connection without a request so far: its client has one, while others look whether the connection was closed first."""


class HeaderClock:
    """The time left for the headers of one connection."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, is_busy: Callable[[], bool]
    ) -> None:
        """Start the clock. `is_busy` returns whether an earlier request on the connection still waits for its response."""
        self._loop, self._transport, self._is_busy = loop, transport, is_busy
        self._timer: asyncio.TimerHandle | None = None
        self.set(runs=True)

    def set(self, *, runs: bool) -> None:
        """Start the clock unless it runs already, or stop it."""
        if runs and self._timer is None:
            self._timer = self._loop.call_later(HEADER_SECONDS, self._expire)
        elif not runs and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if self._is_busy():
            self.set(runs=True)
        else:
            message = f"the headers of this request took more than {HEADER_SECONDS:.0f} s: send it again."
            refuse(self._transport, HTTPStatus.REQUEST_TIMEOUT, message)


class TimedConnection(asyncio.Protocol):
    """The part of uvicorn's connections that has a clock and an end, whichever parser they use."""

    loop: asyncio.AbstractEventLoop
    cycle: Any
    clock: HeaderClock
    _is_last = _is_used = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # As in uvicorn.
        """Start the clock."""
        super().connection_made(transport)
        self._transport = transport
        self.clock = HeaderClock(self.loop, transport, self._is_busy)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self.clock.set(runs=False)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse a piece of the connection. The response to the last request has `Connection: close`."""
        self._is_used = True
        super().data_received(data)
        if self._is_last and self._is_busy():
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """End the connection after the request that is running, else after one that arrives soon."""
        self._is_last = True
        if self._is_busy():
            self.cycle.keep_alive = False
        else:
            self.loop.call_later(LAST_REQUEST_S if self._is_used else FIRST_REQUEST_S, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if not self._is_busy():
            self._transport.close()

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete


def refuse(transport: asyncio.Transport, status: HTTPStatus, message: str) -> None:
    """Send an error for a request that was not read, and close the connection."""
    body = json.dumps({"error": message}).encode()
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    transport.close()


def refuse_size(transport: asyncio.Transport) -> None:
    """Refuse headers above MAX_HEADER_BYTES."""
    message = f"the headers of this request are larger than the limit of {MAX_HEADER_BYTES} bytes."
    refuse(transport, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)
