"""The class of reversible changes of a base, which families and the loader share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def uncompiled(part: Any) -> Any:
    """Return the module behind `torch.compile`, which has the names of the files; other modules unchanged."""
    return getattr(part, "_orig_mod", part)


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
        """Move tensors that are kept outside of the base's modules to `device`, with the pipeline.

        This only saves memory: a patch that computes, or passes weights to the base, looks up their device when it does so.
        """
