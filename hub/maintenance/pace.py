"""Limit how fast a background task reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

MEGABYTE = 10**6
_MAX_WAIT_S = 1.0
"""Longest pause after one chunk, so that a task stops quickly."""


class Stopped(Exception):
    """The task was asked to stop."""


class Pace:
    """Called with the bytes that were just read, sleeps until they fit the rate."""

    def __init__(
        self,
        megabytes_per_s: float,
        stopped: threading.Event | None = None,
        on_progress: Callable[[], None] | None = None,
    ) -> None:
        """`on_progress` is called after each chunk."""
        self._bytes_per_s = megabytes_per_s * MEGABYTE
        self._stopped = stopped or threading.Event()
        self._on_progress = on_progress
        self._next = time.monotonic()
        """Time at which the next bytes can be read."""

    def __call__(self, size_bytes: int) -> None:
        """Sleep as long as reading `size_bytes` takes at the rate. Raises Stopped."""
        now = time.monotonic()
        self._next = max(self._next, now - _MAX_WAIT_S) + size_bytes / self._bytes_per_s
        while (left := self._next - time.monotonic()) > 0:
            if self._stopped.wait(min(left, _MAX_WAIT_S)):
                raise Stopped
        if self._stopped.is_set():
            raise Stopped
        if self._on_progress is not None:
            self._on_progress()
