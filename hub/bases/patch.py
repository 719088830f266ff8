"""A reversible change of a base: the protocol that families and the loader share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch


class Patch(Protocol):
    """One reversible change of one base, initially off."""

    exclusive: bool
    """Whether it changes every image drawn while it is on; a batch is drawn with at most one such patch."""

    def switch(self, on: bool) -> None:
        """Turn the patch on or off. Idempotent."""
        ...

    def remove(self) -> None:
        """Remove the patch for good and restore the base, bit for bit."""
        ...

    def move(self, device: torch.device) -> None:
        """Move what lies outside the base's own modules to `device`."""
        ...
