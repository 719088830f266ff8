"""`hub admin outbox`: work that waits for a server's worker, and work that was given up."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from hub.cli.admin.opening import Endpoint, administration, lines


def outbox(
    retry: Annotated[bool, Option("--retry", help="Make all of it due now, what was given up included.")] = False,
    task: Annotated[str, Option(help="With --retry, of this task alone.")] = "",
    limit: Annotated[int, Option(min=1, help="How many lines, the oldest.")] = 1000,
    endpoint: Endpoint = "",
) -> None:
    """List what is owed: task, subject, attempts, when it is due, why it failed last."""
    from hub.administration.outbox import ListDebts, RetryDebts

    with administration(endpoint) as admin:
        if retry:
            print(f"{admin.run(RetryDebts(task=task)).due} are due now")
            return
        found = admin.run(ListDebts(limit=limit))
    lines(
        [
            (
                debt.task,
                debt.subject,
                debt.attempts,
                "given up" if debt.given_up_at else f"{debt.due_at:%Y-%m-%dT%H:%M:%SZ}",
                " ".join(debt.error.split()),
            )
            for debt in found
        ]
    )
