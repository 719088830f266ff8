"""Operations on the outbox: work that waits for the server's worker, or was given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from hub.administration.operation import MAX_LINES, Line, Operation, check_limit
from hub.errors import WrongRequest
from hub.registry.outbox.queue import Debt, debts, retry

if TYPE_CHECKING:
    from hub.local import LocalHub
    from hub.registry.accounts.permissions import Actor

_MAX_LETTERS = 200
"""Of a task."""


@dataclass(frozen=True, slots=True)
class Due:
    """How much was made due."""

    due: int


class ListDebts(Operation[list[Debt]]):
    """List what waits for the server's worker, oldest first, and what it has given up."""

    path, errors = "/admin/outbox", ()
    limit: Annotated[int, {"description": "How many debts, the oldest.", "minimum": 1, "maximum": MAX_LINES}] = 1000

    def run(self, hub: LocalHub, actor: Actor) -> list[Debt]:
        check_limit(self.limit)
        return debts(hub.registry.database, self.limit)


class RetryDebts(Operation[Due]):
    """Make all of a task, or everything, due now, what was given up included."""

    method, path, errors = "POST", "/admin/outbox/retry", ()
    task: Annotated[Line, {"description": "Of this task alone; empty for all.", "examples": ["deliver-webhook"]}] = ""

    def run(self, hub: LocalHub, actor: Actor) -> Due:
        if not self.task.isprintable() or len(self.task) > _MAX_LETTERS:
            raise WrongRequest(f"{self.task[:80]!r} is no task: `hub admin outbox` lists those that wait.")
        return Due(retry(hub.registry.database, self.task, actor))


OPERATIONS = (ListDebts, RetryDebts)
