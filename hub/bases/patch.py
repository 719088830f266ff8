"""A reversible change of a base: the class that families and the loader share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Patch:
    """One reversible change of one base, initially off."""

    exclusive = False
    """Whether it changes every image drawn while it is on; a batch is drawn with at most one such patch."""

    def switch(self, on: bool) -> None:
        """Turn the patch on or off. Idempotent; does nothing for patches that never affect other prompts."""

    def remove(self) -> None:
        """Remove the patch for good and restore the base, bit for bit."""
        raise NotImplementedError

    def move(self, device: torch.device) -> None:
        """Move what lies outside the base's own modules to `device`, if anything does."""
