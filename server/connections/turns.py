"""Let requests run Python in threads one after the other.

Python runs one thread at a time anyway. Threads that take the interpreter's lock from each other at every query need several times the
processor time: with 32 connections, a search took 11 ms instead of 2.3 (docs/internals/performance-server.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

PATIENCE_S = 0.05
"""Seconds after which the next request begins although the one before is not done: it may wait for a lock, a disk or a network."""


class Turns:
    """The turns of all requests of an application, in the order of their arrival."""

    def __init__(self, *, are_limited: bool) -> None:
        """Without a limit, all requests run at once, as is better if they wait for a network most of the time."""
        self._are_limited = are_limited
        self._of_loops = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn, which ends with the block, or after PATIENCE_S."""
        if not self._are_limited:
            yield
            return
        loop = asyncio.get_running_loop()
        turn = self._of_loops.setdefault(loop, asyncio.Lock())
        await turn.acquire()
        is_over = False

        def end() -> None:
            nonlocal is_over
            if not is_over:
                is_over = True
                turn.release()

        timer = loop.call_later(PATIENCE_S, end)
        try:
            yield
        finally:
            timer.cancel()
            end()
