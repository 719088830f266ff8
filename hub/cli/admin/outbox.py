"""`hub admin outbox`: work that waits for a server's worker, and work that was given up."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from hub.cli.admin.opening import lines, opened


def outbox(
    retry: Annotated[bool, Option("--retry", help="Make all of it due now, what was given up included.")] = False,
    task: Annotated[str, Option(help="With --retry, of this task alone.")] = "",
) -> None:
    """List what is owed: task, subject, attempts, when it is due, why it failed last."""
    from hub.registry.outbox import debts
    from hub.registry.outbox import retry as make_due

    with opened() as hub:
        if retry:
            print(f"{make_due(hub.registry.database, task)} are due now")
            return
        found = debts(hub.registry.database)
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
