"""Run due outbox jobs, each by one worker at a time, with retries.

Jobs run at least once: a worker that dies before it has recorded the completion is followed by another one that runs the job
again. Tasks must therefore be idempotent.
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
"""Maximum number of attempts: with these waits, they take about five hours."""
_log = logging.getLogger("hub.outbox")


class PermanentFailure(Exception):
    """Raised by a task whose job cannot succeed, however often it is retried."""


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of job, and how to run and retry it."""

    name: str
    run: Callable[[Job], None]
    """Runs a job, or raises. Must be idempotent."""
    lease_s: float = 60.0
    """How long a run may take, in seconds; after that, another worker may start."""
    batch: int = 1
    """Maximum number of jobs that are claimed at once; all of them must end within the lease."""
    coalesces: bool = False
    """Whether one run completes all jobs with the same subject that were enqueued before it started."""
    max_attempts: int = MAX_ATTEMPTS
    first_wait_s: float = FIRST_WAIT_S
    max_wait_s: float = MAX_WAIT_S
    keep_failures: bool = True
    """Whether jobs that were given up stay in the outbox for an operator; otherwise they are deleted."""

    def wait_s(self, attempts: int) -> float | None:
        """Return the seconds to wait after `attempts` attempts; None after the last one.

        The wait doubles up to `max_wait_s`. A random factor between 0.5 and 1 spreads the retries of jobs that failed together.
        """
        if attempts >= self.max_attempts:
            return None
        wait_s = min(self.max_wait_s, self.first_wait_s * 2.0 ** min(attempts - 1, 40))
        return wait_s * random.uniform(0.5, 1.0)


def run_due(database: Database, tasks: Sequence[Task], *, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Run the due jobs of `tasks`, oldest first, until none is left or `should_stop` returns True. Return the number of runs.

    A job that fails is not retried in this call. Raises Unreachable if the database does not respond.
    """
    runs, idle = 0, False
    while not idle:
        idle = True
        for task in tasks:  # In turn, so that a thousand jobs of one task do not delay the others.
            if should_stop():
                return runs
            for job in claim(database, task.name, task.lease_s, task.batch):
                _run(database, task, job)
                runs, idle = runs + 1, False
    return runs


def _run(database: Database, task: Task, job: Job) -> None:
    up_to = newest(database, job) if task.coalesces else None
    try:
        task.run(job)
    except PermanentFailure as failure:
        _fail(database, task, job, str(failure), None)
    except Exception as error:  # noqa: BLE001 - an error in one task must not end the worker; it is stored with the job
        reason = str(error) if isinstance(error, HubError) else f"{type(error).__name__}: {error}"
        _fail(database, task, job, reason, task.wait_s(job.attempts))
    else:
        complete(database, job, up_to)


def _fail(database: Database, task: Task, job: Job, reason: str, wait_s: float | None) -> None:
    if wait_s is None and not task.keep_failures:
        complete(database, job)
    else:
        retry_later(database, job, reason, wait_s)
    then = "given up" if wait_s is None else f"tried again in {wait_s:.0f} s"
    _log.warning("%s of %s failed %d times and is %s: %s", job.task, job.subject, job.attempts, then, reason)
