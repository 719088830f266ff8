"""Cache the outputs of frozen models on disk, as shards that several processes compute together.

A cache is a folder named after the digest of everything it depends on, with one `.npy` file a shard. A shard is written to another
file, synced and renamed, so one that was interrupted does not count: the next call computes the missing shards.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from hub.errors import Conflict, Unreachable
from trainers.corpora.text_columns import digest_of_texts
from trainers.inputs.sharded_rows import Rows, ShardedRows, open_shard
from trainers.loop.distributed import process_place
from trainers.loop.failures import catch_write_errors, compute_in_parts

SHARD_BYTES, SHARD_ROWS = 128 << 20, 4096
"""A shard has at most this size and this many rows: a minute or less of work is lost if a process stops."""
DETAILS = "cache.json"
ADVICE = "free some space, or set HUB_HOME to a folder you can write."
POLL_SECONDS = 0.2
"""Interval at which a process checks whether a shard that another one computes is finished."""


def key_of(*parts: object) -> str:
    """Return the SHA-256 of the parts as JSON, the key of a cache. Texts in columns are parts by their own SHA-256."""
    written = json.dumps(parts, ensure_ascii=False, sort_keys=True, default=digest_of_texts)
    return hashlib.sha256(written.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCache:
    """Rows that a frozen model computes from a list of inputs: where they are on disk, and how to compute the missing ones."""

    folder: Path
    """The folder of all caches."""
    key: str
    shape: tuple[int, ...]
    """The shape of all rows."""
    compute: Callable[[int, int], Rows]
    """Computes the rows `first` to `last`, as an array of their shape."""
    dtype: str = "float16"
    batch_size: int = 256
    """Rows that are computed at a time; a batch that does not fit into memory is halved."""
    label: str = "cache"
    quiet: bool = False

    @property
    def size_bytes(self) -> int:
        """The size of all rows on disk, without the headers of the files."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def shard_rows(self) -> int:
        """The number of rows in a shard; the last one may have fewer. It depends on neither processes nor devices."""
        return max(1, min(SHARD_ROWS, SHARD_BYTES * self.shape[0] // max(1, self.size_bytes)))

    @property
    def shard_count(self) -> int:
        """The number of shards."""
        return -(-self.shape[0] // self.shard_rows)

    @property
    def place(self) -> Path:
        """The folder of this cache."""
        return self.folder / self.key[:40]

    def path(self, shard: int) -> Path:
        """Return the file of a shard."""
        return self.place / f"{shard:05d}-of-{self.shard_count:05d}.npy"

    def missing(self) -> list[int]:
        """Return the numbers of the shards that are not on disk, or whose files are damaged."""
        return [shard for shard in range(self.shard_count) if not self._is_finished(shard)]

    def load(self) -> ShardedRows:
        """Compute the missing shards together with the other processes, and return all rows.

        A process first computes its own shards, then those that others have left, and waits for shards in progress.
        So processes that share the folder divide the work, processes on machines with separate folders fill each
        folder, and none
        waits for a process that has stopped.

        Raises `OutOfMemory`, and `Unreachable` if the cache cannot be written.
        """
        missing = self.missing()
        if missing:
            rank, processes = process_place()
            with catch_write_errors(f"the cache for {self.label}", ADVICE):
                self._prepare(missing)
                own_first = sorted(missing, key=lambda shard: (shard % processes != rank, shard))
                done = self.shape[0] - sum(map(self._count, missing))
                title = f"{self.label} ({self.size_bytes / 1e6:.1f} MB)"
                with tqdm(
                    total=self.shape[0],
                    initial=done,
                    desc=title,
                    unit="row",
                    disable=self.quiet or rank != 0,
                    mininterval=1.0,
                ) as bar:
                    left = [shard for shard in own_first if not self._fill(shard, bar.update)]
                    for shard in left:
                        self._fill(shard, bar.update, wait=True)
        paths = [self.path(shard) for shard in range(self.shard_count)]
        return ShardedRows(paths, self.shape, np.dtype(self.dtype), self.shard_rows)

    def fill_shard(self, shard: int) -> None:
        """Compute one shard, or wait for the process that is computing it. Raises the errors of `load`."""
        with catch_write_errors(f"the cache for {self.label}", ADVICE):
            self._prepare([shard])
            self._fill(shard, lambda _: None, wait=True)

    def _prepare(self, missing: Sequence[int]) -> None:
        """Create the folder and the file that describes it. Raises `Unreachable` if the disk is too small for the missing shards."""
        self.place.mkdir(parents=True, exist_ok=True)
        _check_free_space(self.place, self.size_bytes * sum(map(self._count, missing)) // self.shape[0], self.label)
        details = {"label": self.label, "shape": self.shape, "dtype": self.dtype, "shards": self.shard_count}
        new = self.place / f"{uuid.uuid4().hex}.part"
        new.write_text(json.dumps(details))
        new.replace(self.place / DETAILS)

    def _fill(self, shard: int, advance: Callable[[int], object], *, wait: bool = False) -> bool:
        """Compute a shard that is not finished; return False, if `wait` is False, when another process is computing it."""
        lock = self.path(shard).with_suffix(".lock")
        try:
            with FileLock(lock, blocking=wait, poll_interval=POLL_SECONDS):
                if self._is_finished(shard):
                    advance(self._count(shard))
                else:
                    self._write(shard, advance)
                lock.unlink(missing_ok=True)  # It does not lock shards that are still to do.
        except Timeout:
            return False
        return True

    def _write(self, shard: int, advance: Callable[[int], object]) -> None:
        """Write batch after batch, and rename the file when it is on the disk."""
        path, unfinished = self.path(shard), self.path(shard).with_suffix(".part")
        first, count = shard * self.shard_rows, self._count(shard)
        dtype, shape = np.dtype(self.dtype), (count, *self.shape[1:])
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        with unfinished.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(first, first + count, self.batch_size):
                end = min(start + self.batch_size, first + count)
                rows = np.concatenate(compute_in_parts(self.compute, start, end, what=self.label))
                if rows.shape != (end - start, *self.shape[1:]):
                    raise ValueError(f"{self.label}: computed {rows.shape}, not {(end - start, *self.shape[1:])}")
                file.write(np.ascontiguousarray(rows, dtype).data)
                advance(end - start)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)

    def _count(self, shard: int) -> int:
        """Return the number of rows of a shard."""
        return min(self.shard_rows, self.shape[0] - shard * self.shard_rows)

    def _is_finished(self, shard: int) -> bool:
        """Return whether the file of a shard is complete: a copy of a cache may have been interrupted."""
        try:
            rows = open_shard(self.path(shard))
        except (OSError, ValueError):
            return False
        return rows.shape == (self._count(shard), *self.shape[1:]) and rows.dtype == np.dtype(self.dtype)


@dataclass(frozen=True, slots=True)
class CachedFeature:
    """A cache on disk."""

    path: Path
    """Its folder."""
    label: str
    shape: tuple[int, ...]
    size_bytes: int
    shards: int
    """Shards that are finished."""
    of: int
    """All shards."""

    @property
    def finished(self) -> bool:
        """Whether no shard is missing."""
        return self.shards == self.of


def list_cached(folder: Path) -> list[CachedFeature]:
    """List all caches in a folder, including unfinished ones, largest first."""
    found = []
    for path in folder.glob(f"*/{DETAILS}"):
        details = json.loads(path.read_text())
        shards = [*path.parent.glob(f"*-of-{details['shards']:05d}.npy")]
        size = sum(shard.stat().st_size for shard in shards)
        shape = tuple(details["shape"])
        found.append(CachedFeature(path.parent, details["label"], shape, size, len(shards), details["shards"]))
    return sorted(found, key=lambda each: (-each.size_bytes, each.path.name))


def clear_cache(folder: Path) -> int:
    """Delete all caches in a folder, and the cached scores beside them; return the number of freed bytes.

    Raises `Conflict`, without deleting anything, if another process is filling a cache.
    """
    with ExitStack() as locks:
        for lock in folder.rglob("*.lock"):
            try:
                locks.enter_context(FileLock(lock, blocking=False))
            except Timeout as error:
                raise Conflict("a run is filling one of the caches: wait until it is done, then try again.") from error
        freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for path in folder.glob("*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return freed


def _check_free_space(folder: Path, needed: int, label: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise Unreachable(
            f"caching {label} needs {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free: free some space or set HUB_HOME."
        )
