"""Several changes of the base that one module makes, as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from hub.loader.changes import Change


class Together:
    """Switched together; taken back in the reverse order."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = tuple(changes)
        self.exclusive = any(each.exclusive for each in self.changes)

    def switch(self, on: bool) -> None:
        """All of them."""
        for each in self.changes:
            each.switch(on)

    def remove(self) -> None:
        """The last one first."""
        for each in reversed(self.changes):
            each.remove()

    def move(self, device: torch.device) -> None:
        """All of them."""
        for each in self.changes:
            each.move(device)


def join(changes: Sequence[Change]) -> Change | None:
    """One change that is all of `changes`; None when there is none."""
    if len(changes) > 1:
        return Together(changes)
    return changes[0] if changes else None


def parts(change: Change | None) -> tuple[Change, ...]:
    """What `change` was joined from."""
    return () if change is None else change.changes if isinstance(change, Together) else (change,)
