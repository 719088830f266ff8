"""A thread that runs beside the requests of a server process, from its start to its end."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import ClassVar

STOP_S = 5.0
"""Seconds that the stopping server waits for a thread. The thread does not keep the process alive."""


class Background(ABC):
    """A thread that is started once and stopped once."""

    name: ClassVar[str]
    """Name of the thread."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self.run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to stop and wait up to STOP_S for it. Another process, or this one after a restart, continues its work."""
        self.stopped.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    @abstractmethod
    def run(self) -> None:
        """Work until `stopped` is set."""
