"""Keep the sizes of a corpus's images in a file beside its index. The headers of image files are read once.

Shape letters: N rows of the index.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from hub.errors import Unreachable
from trainers.corpora.crop import read_size

HEADER = 32 << 10
"""Bytes of a file that are read for its size; more if they do not have it, as with a large preview in a JPEG's metadata."""
Sizes = np.ndarray[Any, np.dtype[np.int32]]
ReadStart = Callable[[int, int | None], bytes | None]
"""Takes a row and a number of bytes, and returns that many of the row's image file, or all for None; None without an image."""


def open_sizes(path: Path, count: int, read: ReadStart) -> Sizes:
    """Return heights and widths (N, 2) in pixels of the images of all rows, 0 without a readable header; mapped from `path`.

    Reads the `count` headers in their order if the file is not there. Raises `Unreachable` if it cannot be written.
    """
    try:
        with FileLock(path.with_suffix(".lock")):  # The others wait while one process reads.
            if not path.exists():
                sizes_N2 = np.zeros((count, 2), np.int32)
                for row in range(count):
                    sizes_N2[row] = _size_of(row, read) or (0, 0)
                unfinished = path.with_suffix(".part")
                with unfinished.open("wb") as file:
                    np.save(file, sizes_N2)
                unfinished.replace(path)
    except OSError as error:
        raise Unreachable(f"the sizes of images cannot be written to {path}: {error.strerror or error}.") from error
    found: Sizes = np.load(path, mmap_mode="r")
    return found


def _size_of(row: int, read: ReadStart) -> tuple[int, int] | None:
    start = read(row, HEADER)
    if start is None:
        return None
    return read_size(start) or (read_size(read(row, None) or b"") if len(start) >= HEADER else None)
