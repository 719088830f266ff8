"""What may be changed in a base while a language module reads: a protocol, so that families and the loader agree on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


class Change(Protocol):
    """One change of one base, switched off at first."""

    exclusive: bool
    """Whether every picture drawn while it is on is another one; a batch is drawn with one such change, or none."""

    def switch(self, on: bool) -> None:
        """Let it work, or let the base be as it was. Doing so twice is harmless."""
        ...

    def remove(self) -> None:
        """Take it back for good: the base is what it was, bit for bit."""
        ...

    def move(self, device: torch.device) -> None:
        """Bring what lies outside the base's own modules to `device`."""
        ...
