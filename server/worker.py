"""The thread of each server process that does what the outbox owes. Any number of processes and machines may have one."""

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
from hub.registry.outbox.worker import Task, work_off
from server.part import ServerPart, server_parts

PAUSE_S = 1.0
"""How long to rest when nothing is due. Asking costs a read or two of an index."""
PAUSE_AFTER_FAULT_S = 15.0
"""How long to rest when the database does not answer."""
LEAVE_S = 5.0
"""How long the end of the server waits for the task at hand; what is cut off is done by another worker later."""
_log = logging.getLogger("server.worker")


class Worker:
    """Does what is due, one thing at a time, from `start` to `stop`."""

    def __init__(self, hub: LocalHub, pause_s: float = PAUSE_S) -> None:
        self._hub = hub
        self._pause_s = pause_s
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread that does not keep the process alive."""
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more on, and wait a little for the task at hand."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(LEAVE_S)

    def _run(self) -> None:
        tasks = job_kinds(self._hub)
        pause_s, is_new = 0.0, True
        while not self._over.wait(pause_s):
            try:
                if is_new:
                    for part in server_parts():
                        part.start(self._hub)
                    is_new = False
                work_off(self._hub.registry.database, tasks, is_over=self._over.is_set)
                pause_s = self._pause_s
            except HubError as error:
                _log.error("the outbox cannot be read, and is asked again in %.0f s: %s", PAUSE_AFTER_FAULT_S, error)
                pause_s = PAUSE_AFTER_FAULT_S


def job_kinds(hub: LocalHub) -> list[Task]:
    """Every task that the outbox may owe, in the order in which they take turns."""
    return [reference_task(hub.registry, hub.store), *(task for part in server_parts() for task in part.jobs(hub))]


def lifespan_of(
    worker: Worker | None, parts: Sequence[ServerPart] = ()
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What an application begins at its start and ends at its end."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if worker is not None:
            worker.start()
            # What the imports have made stays to the end. Python would look through all of it now and then, 0.1 s within one request.
            gc.collect()
            gc.freeze()
        try:
            yield
        finally:
            if worker is not None:
                worker.stop()
            for part in parts:
                part.stop()

    return lifespan
