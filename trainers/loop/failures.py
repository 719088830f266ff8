"""Turn failures during training into one-line errors with a suggestion; checkpoints are not affected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from safetensors import SafetensorError
from torch import Tensor

from hub.errors import OutOfMemory, Unreachable

Result = TypeVar("Result")
CPU_OUT_OF_MEMORY = "can't allocate memory"
"""Part of the message of the RuntimeError that torch's CPU allocator raises."""


class FiniteCheck:
    """Records the first step whose loss or gradient is not finite, without synchronising with the device every step."""

    def __init__(self, device: torch.device) -> None:
        self._first = torch.full((), torch.inf, device=device)

    def update(self, step: int, *scalars: Tensor) -> None:
        """Check the scalars of update `step`, counted from 1."""
        for scalar in scalars:
            now = torch.where(torch.isfinite(scalar.detach()), torch.inf, float(step))
            self._first = torch.minimum(self._first, now.to(self._first))

    @property
    def first(self) -> Tensor:
        """The first non-finite step, or inf; a scalar on the device."""
        return self._first


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an allocation failed, on a device or on the CPU, where torch raises a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or CPU_OUT_OF_MEMORY in str(error)


def compute_in_parts(compute: Callable[[int, int], Result], first: int, last: int, *, what: str) -> list[Result]:
    """Return `[compute(first, last)]`, or the results of halves, quarters and so on if that does not fit into memory.

    Raises `OutOfMemory` if a single one of `what` does not fit.
    """
    try:
        return [compute(first, last)]
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if last - first == 1:
            raise OutOfMemory(f"not even one of the {what} fits into memory: use a device with more memory.") from error
    # Outside of the `except` block, whose traceback keeps the tensors of the failed attempt.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = (first + last) // 2
    return [
        part
        for start, end in ((first, middle), (middle, last))
        for part in compute_in_parts(compute, start, end, what=what)
    ]


@contextmanager
def catch_out_of_memory(label: str, step: int, examples: int, device: torch.device) -> Iterator[None]:
    """Raise `OutOfMemory` if an allocation on the device fails."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        space = f" of {torch.cuda.mem_get_info(device)[1] / 1e9:.0f} GB" if device.type == "cuda" else ""
        raise OutOfMemory(
            f"`{label}` ran out of memory at step {step} with {examples} examples at once on {device.type}{space}: "
            "use gradient accumulation (`--accumulate 2` or more), or train on a device with more memory."
        ) from error


@contextmanager
def catch_write_errors(what: str, advice: str) -> Iterator[None]:
    """Raise `Unreachable` with the reason if a disk is full, read-only or missing.

    Safetensors wraps the error of the operating system in its own.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).rpartition(": ")[2]
        raise Unreachable(f"{what} cannot be written ({reason}): {advice}") from error
