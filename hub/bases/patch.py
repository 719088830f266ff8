"""The class of reversible changes of a base, which families and the loader share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class Patch:
    """One reversible change of one base, initially off."""

    exclusive = False
    """Whether it changes every image that is generated while it is on. A batch uses at most one such patch."""

    def switch(self, on: bool) -> None:
        """Turn the patch on or off. Idempotent; does nothing for patches that never affect other prompts."""

    def remove(self) -> None:
        """Remove the patch for good and restore the base, bit for bit."""
        raise NotImplementedError

    def move(self, device: torch.device) -> None:
        """Move tensors that are not part of the base's modules to `device`, if there are any."""
