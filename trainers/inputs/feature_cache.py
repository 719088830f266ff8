"""Cache the outputs of frozen models on disk, and map them into memory.

A cache is one `.npy` file named after the digest of everything it depends on. Filling it can be interrupted at any time:
the next call continues after the last row that was written.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from tqdm.auto import tqdm

from hub.errors import Conflict, Unreachable
from trainers.loop.failures import compute_in_parts

Rows = np.ndarray[Any, np.dtype[Any]]


def key_of(*parts: Any) -> str:
    """Return the SHA-256 of the parts as JSON, the key of a cache."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def load_or_compute(
    folder: Path,
    key: str,
    shape: tuple[int, ...],
    compute: Callable[[int, int], Rows],
    *,
    dtype: str = "float16",
    batch_size: int = 256,
    label: str = "cache",
    quiet: bool = False,
) -> Rows:
    """Return rows of `shape`, read-only and memory-mapped; `compute(first, last)` computes the missing ones.

    A batch that does not fit into memory is halved. The progress bar shows the size before anything is computed. Raises
    `OutOfMemory`, and `Unreachable` if the cache cannot be written.
    """
    path, unfinished, counter = (folder / f"{key[:40]}{suffix}" for suffix in (".npy", ".part", ".rows"))
    size = math.prod(shape) * np.dtype(dtype).itemsize
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / f"{key[:40]}.lock"):
            if not path.exists():
                _check_free_space(folder, size - (unfinished.stat().st_size if unfinished.exists() else 0), label)
                resumed = unfinished.exists() and counter.exists()
                rows = open_memmap(unfinished, mode="r+") if resumed else open_memmap(unfinished, "w+", dtype, shape)
                done = int(counter.read_text() or 0) if resumed else 0
                title = f"{label} ({size / 1e6:.1f} MB)"
                with tqdm(total=shape[0], initial=done, desc=title, unit="row", disable=quiet, mininterval=1.0) as bar:
                    for first in range(done, shape[0], batch_size):
                        last = min(first + batch_size, shape[0])
                        rows[first:last] = np.concatenate(compute_in_parts(compute, first, last, what=label))
                        rows.flush()
                        _write_atomically(counter, str(last))
                        bar.update(last - first)
                del rows
                _write_atomically(
                    folder / f"{key[:40]}.json", json.dumps({"label": label, "shape": shape, "dtype": dtype})
                )
                unfinished.replace(path)
                counter.unlink(missing_ok=True)
    except OSError as error:
        raise Unreachable(f"the cache for {label} cannot be written: {error.strerror or error}.") from error
    found: Rows = np.load(path, mmap_mode="r")
    return found


@dataclass(frozen=True, slots=True)
class CachedFeature:
    """A cache on disk."""

    path: Path
    label: str
    shape: tuple[int, ...]
    size_bytes: int
    finished: bool


def list_cached(folder: Path) -> list[CachedFeature]:
    """List all caches in a folder, including unfinished ones, largest first."""
    found = []
    for path in [*folder.glob("*.npy"), *folder.glob("*.part")]:
        details_path = path.with_suffix(".json")
        details = json.loads(details_path.read_text()) if details_path.is_file() else {}
        label, shape = details.get("label", "unfinished"), tuple(details.get("shape", ()))
        found.append(CachedFeature(path, label, shape, path.stat().st_size, finished=path.suffix == ".npy"))
    return sorted(found, key=lambda each: (-each.size_bytes, each.path.name))


def clear_cache(folder: Path) -> int:
    """Delete all caches in a folder, and the cached scores beside them; return the number of freed bytes.

    Raises `Conflict`, without deleting anything, if another process is filling a cache.
    """
    with ExitStack() as locks:
        for lock in folder.glob("*.lock"):
            locks.enter_context(_lock(lock, wait=False))
        files = [path for path in folder.glob("*") if path.is_file()]
        freed = sum(path.stat().st_size for path in files)
        for path in files:
            path.unlink(missing_ok=True)
    return freed


def _check_free_space(folder: Path, needed: int, label: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise Unreachable(
            f"caching {label} needs {needed / 1e9:.1f} GB, but {free / 1e9:.1f} GB are free: free some space or set HUB_HOME."
        )


def _write_atomically(path: Path, text: str) -> None:
    """Write a file so that a process killed in between leaves the old content, never half of the new one."""
    new = path.with_suffix(f"{path.suffix}-new")
    new.write_text(text)
    new.replace(path)


@contextmanager
def _lock(lock: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a file lock, since several processes may fill the same cache. Raises `Conflict` if `wait` is False."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("a run is filling one of the caches: wait until it is done, then try again.") from error
        yield
