"""Outputs of frozen models, computed once, kept on disk, mapped into memory.

A cache is one `.npy` file named after the digest of all it depends on. Filling it can be interrupted at any time: the
next call goes on behind the last row that reached the disk.
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

Rows = np.ndarray[Any, np.dtype[Any]]


def key_of(*parts: Any) -> str:
    """SHA-256 over the parts as JSON: change one, and it is another cache."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def cached(
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
    """Rows of `shape`, read-only and memory-mapped; `compute(first, last)` makes those that are missing.

    The progress bar tells the size before anything is computed. Raises Unreachable when the disk cannot take it.
    """
    path, unfinished, counter = (folder / f"{key[:40]}{suffix}" for suffix in (".npy", ".part", ".rows"))
    size = math.prod(shape) * np.dtype(dtype).itemsize
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(folder / f"{key[:40]}.lock"):
            if not path.exists():
                _refuse_without_room(folder, size - (unfinished.stat().st_size if unfinished.exists() else 0), label)
                resumed = unfinished.exists() and counter.exists()
                rows = open_memmap(unfinished, mode="r+") if resumed else open_memmap(unfinished, "w+", dtype, shape)
                done = int(counter.read_text() or 0) if resumed else 0
                title = f"{label} ({size / 1e6:.1f} MB)"
                with tqdm(total=shape[0], initial=done, desc=title, unit="row", disable=quiet, mininterval=1.0) as bar:
                    for first in range(done, shape[0], batch_size):
                        last = min(first + batch_size, shape[0])
                        rows[first:last] = compute(first, last)
                        rows.flush()
                        _write_whole(counter, str(last))
                        bar.update(last - first)
                del rows
                _write_whole(folder / f"{key[:40]}.json", json.dumps({"label": label, "shape": shape, "dtype": dtype}))
                unfinished.replace(path)
                counter.unlink(missing_ok=True)
    except OSError as error:
        raise Unreachable(
            f"the cache for {label} cannot be written to its folder: {error.strerror or error}."
        ) from error
    found: Rows = np.load(path, mmap_mode="r")
    return found


@dataclass(frozen=True, slots=True)
class CachedFeature:
    """One cache on disk."""

    path: Path
    label: str
    shape: tuple[int, ...]
    size_bytes: int
    finished: bool


def list_cached(folder: Path) -> list[CachedFeature]:
    """All caches in a folder, the largest first; those that are being filled, or were left half-way, too."""
    found = []
    for path in [*folder.glob("*.npy"), *folder.glob("*.part")]:
        about = path.with_suffix(".json")
        told = json.loads(about.read_text()) if about.is_file() else {}
        shape = tuple(told.get("shape", ()))
        found.append(
            CachedFeature(
                path, told.get("label", "unfinished"), shape, path.stat().st_size, finished=path.suffix == ".npy"
            )
        )
    return sorted(found, key=lambda each: (-each.size_bytes, each.path.name))


def clear_cache(folder: Path) -> int:
    """Remove all caches in a folder, and what was remembered beside them; returns how many bytes that freed.

    Raises Conflict when another process fills one of them; then nothing is removed.
    """
    with ExitStack() as locks:
        for lock in folder.glob("*.lock"):
            locks.enter_context(_only_one(lock, wait=False))
        files = [path for path in folder.glob("*") if path.is_file()]
        freed = sum(path.stat().st_size for path in files)
        for path in files:
            path.unlink(missing_ok=True)
    return freed


def _refuse_without_room(folder: Path, needed: int, label: str) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise Unreachable(
            f"caching {label} needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free: make room or set HUB_HOME."
        )


def _write_whole(path: Path, text: str) -> None:
    """A process killed in between leaves the old count, never half of the new one."""
    new = path.with_suffix(f"{path.suffix}-new")
    new.write_text(text)
    new.replace(path)


@contextmanager
def _only_one(lock: Path, *, wait: bool = True) -> Iterator[None]:
    """Several processes of one run, or several runs, fill a cache one after the other."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("a run is filling one of the caches: wait for it, then clear them again.") from error
        yield
