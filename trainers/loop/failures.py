"""What can go wrong while a model trains, said in one line with what to try; checkpoints stay as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError
from torch import Tensor

from hub.errors import OutOfMemory, Unreachable

CPU_OUT_OF_MEMORY = "can't allocate memory"
"""How torch's allocator for CPUs says it, in a plain RuntimeError."""


class FiniteCheck:
    """Remembers the first step whose loss or gradient is not finite, without waiting for the device at every step."""

    def __init__(self, device: torch.device) -> None:
        self._first = torch.full((), torch.inf, device=device)

    def see(self, step: int, *scalars: Tensor) -> None:
        """Look at the scalars of update `step`, counted from 1."""
        for scalar in scalars:
            now = torch.where(torch.isfinite(scalar.detach()), torch.inf, float(step))
            self._first = torch.minimum(self._first, now.to(self._first))

    @property
    def first(self) -> Tensor:
        """The first such step, or inf; a scalar on the device."""
        return self._first


@contextmanager
def catch_out_of_memory(label: str, step: int, examples: int, device: torch.device) -> Iterator[None]:
    """Raises OutOfMemory where the allocator of the device gives up."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and CPU_OUT_OF_MEMORY not in str(error):
            raise
        space = f" of {torch.cuda.mem_get_info(device)[1] / 1e9:.0f} GB" if device.type == "cuda" else ""
        raise OutOfMemory(
            f"`{label}` ran out of memory at step {step} with {examples} examples at once on {device.type}{space}: "
            "take each batch in parts (`--accumulate 2`, or more), or train on a device with more memory."
        ) from error


@contextmanager
def catch_write_errors(what: str, advice: str) -> Iterator[None]:
    """Raises Unreachable with the reason when a disk is full, read-only or gone.

    Safetensors reports what the system said in an error of its own.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).rpartition(": ")[2]
        raise Unreachable(f"{what} cannot be written ({reason}): {advice}") from error
