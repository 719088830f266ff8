"""Read the rows of a cache from disk, batch by batch, ahead of the step that needs them.

A cache of a million pairs is larger than the memory of most machines, so it stays in its files, mapped into memory, and only the
rows of a batch are copied to the device. A thread reads the next batch while the device computes.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trainers.inputs.sharded_rows import ShardedRows


class Block(NamedTuple):
    """Rows that were read ahead: their sorted indices (R,) on the CPU, and their values (R, ...) as stored."""

    index_R: Tensor
    values: Tensor


class MappedRows:
    """The rows of a cache on disk. Indexing reads some of them."""

    def __init__(self, rows: ShardedRows, device: torch.device, *, has_blank: bool = False) -> None:
        """Read `rows` to `device`; with `has_blank`, row 0 is zero and row n + 1 is the cache's row n."""
        self._rows = rows
        self._device = device
        self._has_blank = has_blank
        self._block: Block | None = None
        self._next: Future[Block] | None = None
        self._reader: ThreadPoolExecutor | None = None
        self._was_read = False

    def __len__(self) -> int:
        return len(self._rows) + self._has_blank

    def __getitem__(self, index_B: Tensor) -> Tensor:
        """Return the rows `index_B` (B,), in fp32 on the device."""
        index_B = index_B.cpu()
        self._was_read = True
        if not self._is_ahead(index_B):
            self._use_next()
        if self._block is None or not self._is_ahead(index_B):
            return self._take(index_B).to(self._device, non_blocking=True).float()
        place_B = torch.searchsorted(self._block.index_R, index_B)
        if self._device.type == "cuda":
            place_B = place_B.pin_memory()
        return self._block.values[place_B.to(self._device, non_blocking=True)].float()

    def prefetch(self, index_B: Tensor) -> None:
        """Start to read the rows `index_B` (B,) of the next batch, if rows were read since the last call."""
        if not self._was_read:
            return
        self._was_read = False
        self._use_next()  # The previously requested batch is about to be read.
        self._reader = self._reader or ThreadPoolExecutor(1, "read-ahead")
        self._next = self._reader.submit(self._read, index_B.unique())

    def sample(self, count: int) -> Tensor:
        """Return about `count` rows at even distances, or all of them if there are fewer, in fp32 on the device."""
        step = max(1, len(self) // max(1, count))
        return self._take(torch.arange(0, len(self), step)).to(self._device).float()

    def _use_next(self) -> None:
        """Make the block that is being read the current one, and start its copy to the device."""
        if self._next is not None:
            index_R, values = self._next.result()
            self._block, self._next = Block(index_R, values.to(self._device, non_blocking=True)), None

    def _is_ahead(self, index_B: Tensor) -> bool:
        """Return whether the current block has all of these rows."""
        if self._block is None:
            return False
        known_R = self._block.index_R
        place_B = torch.searchsorted(known_R, index_B).clamp_max(len(known_R) - 1)
        return bool((known_R[place_B] == index_B).all())

    def _read(self, index_R: Tensor) -> Block:
        return Block(index_R, self._take(index_R))

    def _take(self, index_B: Tensor) -> Tensor:
        """Copy rows from the files as they are stored, into pinned memory if they go to a GPU, which then need not wait."""
        dtype = torch.from_numpy(np.empty(0, self._rows.dtype)).dtype
        shape = (len(index_B), *self._rows.shape[1:])
        values = torch.empty(shape, dtype=dtype, pin_memory=self._device.type == "cuda")
        place_B = index_B - 1 if self._has_blank else index_B
        self._rows.take(place_B.clamp_min(0).numpy(), values.numpy())
        if self._has_blank:
            values[index_B == 0] = 0
        return values
