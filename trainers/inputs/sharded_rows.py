"""Rows in several files: a shard is mapped into memory when one of its rows is read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

Rows = np.ndarray[Any, np.dtype[Any]]
Index = np.ndarray[Any, np.dtype[np.int64]]
OPEN_SHARDS = 128
"""Shards of a cache that stay open. Each takes a file descriptor, of which a process usually has 1,024."""


def open_shard(path: Path) -> Rows:
    """Map a shard into memory, read-only. Raises OSError or ValueError if it is missing or shorter than its header states."""
    rows: Rows = np.lib.format.open_memmap(path, mode="r")
    return rows


class ShardedRows:
    """Rows of equal shape in files with the same number of rows each."""

    def __init__(self, paths: Sequence[Path], shape: tuple[int, ...], dtype: np.dtype[Any], shard_rows: int) -> None:
        """`shape` is that of all rows; each of `paths` has `shard_rows` of them, the last one may have fewer."""
        self.shape = shape
        self.dtype = dtype
        self._shard_rows = shard_rows
        self._open = lru_cache(OPEN_SHARDS)(lambda shard: np.asarray(open_shard(paths[shard])))

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, index_B: Index, out: Rows) -> None:
        """Copy the rows `index_B` (B,) into `out` (B, ...)."""
        shard_B = index_B // self._shard_rows
        for shard in np.unique(shard_B).tolist():
            rows, place = self._open(shard), np.flatnonzero(shard_B == shard)
            own = index_B[place] - shard * self._shard_rows
            if len(place) == len(index_B):
                np.take(rows, own, axis=0, out=out, mode="clip")  # Other modes copy through a buffer.
            else:
                out[place] = rows[own]

    def all(self) -> Rows:
        """Return all rows, copied into memory."""
        out = np.empty(self.shape, self.dtype)
        self.take(np.arange(len(self)), out)
        return out
