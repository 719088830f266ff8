"""Copy weights to a GPU through a ring of page-locked buffers: while one is copied, the next is filled.

From ordinary memory the driver copies twice, through its own locked buffer, and the caller waits for both copies; with a mapped
file it also waits for the disk. Copies from locked memory run in the background. The ring has only two buffers, because locked
memory is scarce. Without a GPU, or if no memory can be locked, the ring works the same with ordinary buffers, whose copies end before
they return.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path

import torch
from torch import Tensor, nn

BUFFER_BYTES = 64 << 20
"""Large enough that starting a copy is negligible in comparison: 2.6 ms at the 25 GB/s of PCIe 4."""
BUFFERS = 2
_LOG = logging.getLogger(__name__)
TensorLocation = tuple[int, tuple[int, ...], torch.dtype]
"""First byte, shape and type of a tensor in a file."""


class PinnedRing:
    """Buffers that are alternately filled and copied to `device`. Call `wait` at the end."""

    def __init__(self, device: torch.device, buffer_bytes: int = BUFFER_BYTES, buffers: int = BUFFERS) -> None:
        self.device = device
        locked = _lock(buffer_bytes, buffers) if device.type == "cuda" else None
        self.is_locked = locked is not None
        self._buffers = locked or [torch.empty(buffer_bytes, dtype=torch.uint8) for _ in range(buffers)]
        self._copied: list[torch.cuda.Event | None] = [None] * buffers
        self._turn, self._used = 0, 0

    @classmethod
    def of(cls, device: torch.device, size_bytes: int) -> PinnedRing:
        """Return a ring no larger than needed for `size_bytes`, because locking memory takes time."""
        return cls(device, max(1, min(BUFFER_BYTES, math.ceil(size_bytes / BUFFERS))))

    def copy(self, source: Tensor) -> Tensor:
        """Return a copy of a CPU tensor on the device, with the same type and shape."""
        bytes_S = source.detach().contiguous().reshape(-1).view(torch.uint8)
        target = torch.empty(source.shape, dtype=source.dtype, device=self.device)
        self._send(target, lambda start, buffer: buffer.copy_(bytes_S[start : start + len(buffer)]))
        return target

    def read(self, file: FileIO, start: int, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Read the tensor of `shape` that begins at byte `start` of a file, directly into the buffers. Raises EOFError and OSError."""
        target = torch.empty(shape, dtype=dtype, device=self.device)
        file.seek(start)
        self._send(target, lambda _, buffer: _fill(buffer, file))
        return target

    def wait(self) -> None:
        """Wait until everything is on the device. Then the buffers can be freed."""
        if self.is_locked:
            torch.cuda.current_stream(self.device).synchronize()

    def _send(self, target: Tensor, fill: Callable[[int, Tensor], object]) -> None:
        """Fill buffers with the bytes of `target` and start their copies; `fill` gets the first byte and a buffer."""
        bytes_S = target.reshape(-1).view(torch.uint8)
        done = 0
        while done < len(bytes_S):
            full = self._buffers[self._turn]
            buffer = full[self._used : self._used + len(bytes_S) - done]
            fill(done, buffer)
            bytes_S[done : done + len(buffer)].copy_(buffer, non_blocking=self.is_locked)
            done += len(buffer)
            self._used += len(buffer)
            if self._used == len(full):
                self._next()

    def _next(self) -> None:
        """Record the copies of the full buffer and wait for those of the next one."""
        if self.is_locked:
            event = torch.cuda.Event()
            event.record(torch.cuda.current_stream(self.device))
            self._copied[self._turn] = event
        self._turn, self._used = (self._turn + 1) % len(self._buffers), 0
        if (before := self._copied[self._turn]) is not None:
            before.synchronize()


def move_module(module: nn.Module, ring: PinnedRing) -> None:
    """Move all parameters and buffers of a module from the CPU to the ring's device; shared ones stay shared."""
    for each in (*module.parameters(), *module.buffers()):
        if each.device.type == "cpu":
            each.data = ring.copy(each.data)
    ring.wait()


def read_tensors(
    path: Path,
    places: Mapping[str, TensorLocation],
    ring: PinnedRing,
    dtypes: Mapping[str, torch.dtype] | None = None,
) -> dict[str, Tensor]:
    """Read the tensors of a file at `places`, by name, with the shapes given there, each converted to its type in `dtypes`.

    Raises EOFError and OSError.
    """
    wanted = dtypes or {}
    with path.open("rb", buffering=0) as file:
        in_order = sorted(places.items(), key=lambda item: item[1][0])
        tensors = {name: ring.read(file, *place).to(wanted.get(name, place[2])) for name, place in in_order}
    ring.wait()
    return tensors


def _lock(buffer_bytes: int, count: int) -> list[Tensor] | None:
    """Return page-locked buffers; None if the driver refuses, which it reports as another error than a GPU without memory."""
    try:
        return [torch.empty(buffer_bytes, dtype=torch.uint8, pin_memory=True) for _ in range(count)]
    except RuntimeError as error:
        _LOG.warning("no memory can be locked, so copies to the GPU are slower: %s", str(error).partition("\n")[0])
        return None


def _fill(buffer: Tensor, file: FileIO) -> None:
    view, done = buffer.numpy().data, 0
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            raise EOFError("the file ended before its last tensor")
        done += count
