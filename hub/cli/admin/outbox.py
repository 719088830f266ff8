"""`hub admin outbox`: background jobs that wait for a worker or have failed."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from hub.administration.outbox import ListJobs, RetryJobs
from hub.cli.admin.options import Endpoint, lines, run
from hub.cli.terminal import count


def outbox(
    retry: Annotated[bool, Option("--retry", help="Retry all jobs now, including failed ones.")] = False,
    task: Annotated[str, Option(help="With --retry: only jobs of this task.", show_default=False)] = "",
    limit: Annotated[int, Option(min=1, help="Maximum number of jobs, oldest first.")] = 1000,
    endpoint: Endpoint = "",
) -> None:
    """List pending background jobs: task, subject, attempts, due time, last error."""
    if retry:
        print(f"{count(run(endpoint, RetryJobs(task=task)).due, 'job')} due now")
        return
    lines(
        (
            job.task,
            job.subject,
            job.attempts,
            "failed" if job.given_up_at else f"{job.due_at:%Y-%m-%dT%H:%M:%SZ}",
            " ".join(job.error.split()),
        )
        for job in run(endpoint, ListJobs(limit=limit))
    )
