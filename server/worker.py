"""Run outbox jobs in a thread of each server process. Any number of processes and machines can run jobs."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from hub.errors import HubError
from hub.local import LocalHub
from hub.publish.publish import reference_task
from hub.registry.outbox.worker import Task, run_due
from server.background import Background
from server.part import ServerPart, server_parts

PAUSE_S = 1.0
"""Seconds between checks of an empty outbox. A check costs one or two index lookups."""
PAUSE_AFTER_FAULT_S = 15.0
"""Seconds until the next check if the database does not respond."""
_log = logging.getLogger("server.worker")


class Worker(Background):
    """Runs due jobs one at a time, from `start` to `stop`. A job that does not end in time is repeated by another worker."""

    name = "outbox"

    def __init__(self, hub: LocalHub, pause_s: float = PAUSE_S) -> None:
        super().__init__()
        self._hub = hub
        self._pause_s = pause_s

    def run(self) -> None:
        """Run jobs until `stopped` is set, after which no other job starts."""
        tasks = tasks_of_worker(self._hub)
        pause_s, is_started = 0.0, False
        while not self.stopped.wait(pause_s):
            try:
                if not is_started:
                    for part in server_parts():
                        part.start(self._hub)
                    is_started = True
                run_due(self._hub.registry.database, tasks, should_stop=self.stopped.is_set)
                pause_s = self._pause_s
            except HubError as error:
                _log.error("cannot read the outbox, trying again in %.0f s: %s", PAUSE_AFTER_FAULT_S, error)
                pause_s = PAUSE_AFTER_FAULT_S


def tasks_of_worker(hub: LocalHub) -> list[Task]:
    """Return the tasks of the core and of all parts, in the order in which they take turns."""
    return [reference_task(hub.registry, hub.store), *(task for part in server_parts() for task in part.tasks(hub))]


def lifespan_of(
    threads: Sequence[Background], parts: Sequence[ServerPart] = ()
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return a lifespan for the application that starts and stops the threads, and stops the parts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for thread in threads:
            thread.start()
        if threads:
            # Imported objects live as long as the process. Scanning them repeatedly would add 0.1 s to requests.
            gc.collect()
            gc.freeze()
        try:
            yield
        finally:
            for thread in threads:
                thread.stop()
            for part in parts:
                part.stop(app)

    return lifespan
