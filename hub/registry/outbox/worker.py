"""Pay what the outbox holds: each job by one worker at a time, again and again until it succeeds, or for a while.

The work is done after the transaction that owes it, so it is done at least once and perhaps twice: by somebody who dies before
writing down that it is done, and by whoever follows. Every task must bear that.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub.errors import HubError
from hub.registry.database.database import Database
from hub.registry.outbox.queue import Job, claim, complete, newest, retry_later

FIRST_WAIT_S = 10.0
MAX_WAIT_S = 3600.0
MAX_ATTEMPTS = 12
"""With these waits: for about five hours."""
_log = logging.getLogger("hub.outbox")


class PermanentFailure(Exception):
    """Raised by a task that cannot succeed, however often it is tried."""


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of work, by the name that jobs know it by."""

    name: str
    run: Callable[[Job], None]
    """Does it, or raises. Twice must do no harm."""
    lease_s: float = 60.0
    """How long it may take; after that somebody else may begin."""
    coalesces: bool = False
    """One run serves every job to its subject that is there when it begins."""
    most_attempts: int = MAX_ATTEMPTS
    first_wait_s: float = FIRST_WAIT_S
    longest_wait_s: float = MAX_WAIT_S
    keep_failures: bool = True
    """What was given up stays for an operator; otherwise its failure is written down elsewhere, and the job is forgotten."""

    def wait_s(self, attempts: int) -> float | None:
        """How long to wait after so many attempts; None after the last one.

        It doubles up to the longest, and each is cut by chance to as little as half, so that what failed together with one
        server that was down does not come back to it in one moment.
        """
        if attempts >= self.most_attempts:
            return None
        longest = min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(attempts - 1, 40))
        return longest * random.uniform(0.5, 1.0)


def run_due(database: Database, tasks: Sequence[Task], *, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Do what is due of `tasks`, oldest first, until nothing is or `should_stop` says so; how many were begun.

    What fails waits and is not tried again in this call. Raises Unreachable when the database does not answer.
    """
    begun, idle = 0, False
    while not idle:
        idle = True
        for task in tasks:  # In turn, so that a thousand jobs of one do not keep the others waiting.
            if should_stop():
                return begun
            for job in claim(database, task.name, task.lease_s):
                _pay(database, task, job)
                begun, idle = begun + 1, False
    return begun


def _pay(database: Database, task: Task, job: Job) -> None:
    up_to = newest(database, job) if task.coalesces else None
    try:
        task.run(job)
    except PermanentFailure as reason:
        _fail(database, task, job, str(reason), None)
    except Exception as error:  # noqa: BLE001 - a fault in one task must not end the worker; it is kept with the job
        said = str(error) if isinstance(error, HubError) else f"{type(error).__name__}: {error}"
        _fail(database, task, job, said, task.wait_s(job.attempts))
    else:
        complete(database, job, up_to)


def _fail(database: Database, task: Task, job: Job, reason: str, wait_s: float | None) -> None:
    if wait_s is None and not task.keep_failures:
        complete(database, job)
    else:
        retry_later(database, job, reason, wait_s)
    then = "given up" if wait_s is None else f"tried again in {wait_s:.0f} s"
    _log.warning("%s of %s failed %d times and is %s: %s", job.task, job.subject, job.attempts, then, reason)
