"""Operations on the outbox: jobs that wait for a worker or have failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import MAX_LINES, Line, Operation, check_limit
from hub.errors import InvalidRequest
from hub.registry.outbox.queue import Job, jobs, retry

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor


@dataclass(frozen=True, slots=True)
class Due:
    """The number of jobs that were made due."""

    due: int


class ListJobs(Operation[list[Job]]):
    """List the jobs that wait for a worker or have failed, oldest first."""

    path, errors = "/admin/outbox", ()
    limit: Annotated[
        int, {"description": "Maximum number of jobs, oldest first.", "minimum": 1, "maximum": MAX_LINES}
    ] = 1000

    def run(self, hub: LocalHub, actor: Actor) -> list[Job]:
        check_limit(self.limit)
        return jobs(hub.registry.database, self.limit)


class RetryJobs(Operation[Due]):
    """Make all jobs, or those of one task, due now, including failed ones."""

    method, path, errors = "POST", "/admin/outbox/retry", ()
    task: Annotated[
        Line, {"description": "Only jobs of this task; empty for all.", "examples": ["deliver-webhook"]}
    ] = ""

    def run(self, hub: LocalHub, actor: Actor) -> Due:
        if not self.task.isprintable() or len(self.task) > 200:
            raise InvalidRequest(f"{self.task[:80]!r} is not a task: list the jobs with `hub admin outbox`.")
        return Due(retry(hub.registry.database, self.task, actor))


OPERATIONS = (ListJobs, RetryJobs)
