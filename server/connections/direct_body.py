"""Let a thread receive a long request body from its connection itself.

On its way through the event loop, httptools, uvicorn and a thread, each byte is copied three times, and each 256 KB wake two threads:
more processor time than hashing and writing the bytes.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

EXTENSION = "linguahub.body"
"""Name of the ASGI extension whose value returns a DirectBody, or None if the body must be received from the event loop."""
MIN_BYTES = 1 << 20
"""Bodies with less to come are not worth it."""
_PIECE_BYTES = 256 << 10


class DirectBody:
    """The rest of a request body, in the socket of a connection that the event loop does not read until `close`."""

    def __init__(
        self, arrived: bytes, left: int, transport: asyncio.Transport, give_back: Callable[[int], None]
    ) -> None:
        """`arrived`: the beginning of the body. `left`: number of bytes after it. `give_back` is called with how many were received."""
        transport.pause_reading()
        self._give_back = give_back
        self._arrived = arrived
        self._total = self._left = left
        self._number = os.dup(transport.get_extra_info("socket").fileno())  # The loop may close its own meanwhile.
        self._is_ready = select.poll()
        self._is_ready.register(self._number, select.POLLIN)

    def receive(self, timeout_s: float) -> bytes:
        """Wait for bytes and return them; empty at the end. Raises TimeoutError, ConnectionError if the client has closed it."""
        if self._arrived:
            piece, self._arrived = self._arrived, b""
            return piece
        while self._left:
            try:
                piece = os.read(self._number, min(self._left, _PIECE_BYTES))
            except BlockingIOError:
                if not self._is_ready.poll(timeout_s * 1000):
                    raise TimeoutError from None
                continue
            if not piece:
                raise ConnectionResetError
            self._left -= len(piece)
            return piece
        return b""

    def close(self) -> None:
        """Let the event loop read the connection again. Call it on the event loop, once."""
        os.close(self._number)
        self._give_back(self._total - self._left)


def may_take(left: int, transport: asyncio.Transport) -> bool:
    """Return whether `left` bytes of a body are many enough, and come without TLS."""
    return left >= MIN_BYTES and not transport.is_closing() and transport.get_extra_info("sslcontext") is None
