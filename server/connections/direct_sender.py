"""Send files with `sendfile` in a thread: on its way through Python and the event loop, each byte would be copied three times.

A thread sends for as long as the client keeps up, so that waiting for the disk does not delay other work. Otherwise the event loop
waits for the client, so that slow clients need no threads.
"""

from __future__ import annotations

import asyncio
import os
import select
import time
from collections.abc import Callable
from functools import partial
from weakref import WeakKeyDictionary

from anyio import CapacityLimiter, to_thread

EXTENSION = "linguahub.sendfile"
"""Name of the ASGI extension whose value sends bytes of files after the headers: `await value(find, start, end)`. It returns how many it
has sent; None if they must be sent as usual."""
MAX_THREADS = 64
"""Downloads that are sent at the same time by a process; others take turns."""
_TURN_S = 0.1
_PATIENCE_MS = 10
"""Seconds that a thread waits for the client before the event loop takes over."""

Find = Callable[[int], tuple[int, int, int]]
"""Returns file descriptor, offset and number of bytes from a position on; see `OpenPieces.find`."""


_limiters = WeakKeyDictionary[asyncio.AbstractEventLoop, CapacityLimiter]()


def _limiter() -> CapacityLimiter:
    return _limiters.setdefault(asyncio.get_running_loop(), CapacityLimiter(MAX_THREADS))


class DirectSender:
    """Sends a part of a response on the socket of a connection, to which the event loop does not write in the meantime."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._loop = asyncio.get_running_loop()
        self._number = os.dup(transport.get_extra_info("socket").fileno())  # The loop may close its own meanwhile.

    async def send(self, find: Find, start: int, end: int) -> int:
        """Send the bytes from `start` to `end`; return how many, fewer if the file ends. Raises ConnectionError."""
        position = start
        try:
            while position < end:
                turn = partial(self._send_turn, find, position, end)
                sent, is_blocked = await to_thread.run_sync(turn, limiter=_limiter())
                position += sent
                if is_blocked:
                    await self._wait()
                elif not sent:
                    break
        finally:
            os.close(self._number)
        return position - start

    def _send_turn(self, find: Find, position: int, end: int) -> tuple[int, bool]:
        """Send for a while. Return the number of bytes, and whether the client has to read first."""
        sent, until = 0, time.monotonic() + _TURN_S
        writable = select.poll()
        writable.register(self._number, select.POLLOUT)
        while position + sent < end and time.monotonic() < until:
            number, place, available = find(position + sent)
            wanted = min(available, end - position - sent)
            try:
                if not (count := os.sendfile(self._number, number, place, wanted)):
                    break
            except BlockingIOError:
                count = 0
            sent += count
            if count < wanted and not writable.poll(_PATIENCE_MS):  # The connection's buffer is full.
                return sent, True
        return sent, False

    async def _wait(self) -> None:
        """Wait until the client has read something."""
        is_writable = asyncio.Event()
        self._loop.add_writer(self._number, is_writable.set)
        try:
            await is_writable.wait()
        finally:
            self._loop.remove_writer(self._number)
