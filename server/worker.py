"""Run outbox jobs in a thread of each server process. Any number of processes and machines can run jobs."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from hub.errors import HubError
from hub.local import LocalHub
from hub.publish.publish import reference_task
from hub.registry.outbox.worker import Task, run_due
from server.part import ServerPart, server_parts
from server.scrubber import Scrubber

PAUSE_S = 1.0
"""Seconds between checks of an empty outbox. A check costs one or two index lookups."""
PAUSE_AFTER_FAULT_S = 15.0
"""Seconds until the next check if the database does not respond."""
_log = logging.getLogger("server.worker")


class Worker:
    """Runs due jobs one at a time, from `start` to `stop`."""

    def __init__(self, hub: LocalHub, pause_s: float = PAUSE_S) -> None:
        self._hub = hub
        self._pause_s = pause_s
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. It does not keep the process alive."""
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Start no new jobs, and wait up to 5 s for the current one. If it does not finish, another worker repeats it."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def _run(self) -> None:
        tasks = tasks_of_worker(self._hub)
        pause_s, is_started = 0.0, False
        while not self._stopped.wait(pause_s):
            try:
                if not is_started:
                    for part in server_parts():
                        part.start(self._hub)
                    is_started = True
                run_due(self._hub.registry.database, tasks, should_stop=self._stopped.is_set)
                pause_s = self._pause_s
            except HubError as error:
                _log.error("cannot read the outbox, trying again in %.0f s: %s", PAUSE_AFTER_FAULT_S, error)
                pause_s = PAUSE_AFTER_FAULT_S


def tasks_of_worker(hub: LocalHub) -> list[Task]:
    """Return the tasks of the core and of all parts, in the order in which they take turns."""
    return [reference_task(hub.registry, hub.store), *(task for part in server_parts() for task in part.tasks(hub))]


def lifespan_of(
    worker: Worker | None, parts: Sequence[ServerPart] = (), scrubber: Scrubber | None = None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return a lifespan for the application that starts and stops the threads, and stops the parts."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if scrubber is not None:
            scrubber.start()
        if worker is not None:
            worker.start()
            # Imported objects live as long as the process. Scanning them repeatedly would add 0.1 s to requests.
            gc.collect()
            gc.freeze()
        try:
            yield
        finally:
            if scrubber is not None:
                scrubber.stop()
            if worker is not None:
                worker.stop()
            for part in parts:
                part.stop()

    return lifespan
