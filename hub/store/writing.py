"""Write a file of a folder store: in the background, durable, and under its name only when it is complete."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from hub.errors import DiskFull, Unreachable
from hub.names import Digest

CHUNK_BYTES = 1 << 20
_WRITEBACK_BYTES = 16 << 20
"""Number of bytes after which the kernel starts writing them, so that little is left to sync at the end."""
_MAX_GATHERED = 512
"""Chunks that are written at once at most; Linux allows 1,024."""


class Unfinished:
    """A file that is being written."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file = file
        self.path = path
        self.is_finished = False

    def finish(self, target: Path) -> str:
        """Make the bytes durable under their final name, and return their stamp."""
        os.fchmod(self.file.fileno(), 0o644)  # mkstemp gives 0600; a web server under another user reads blobs too.
        os.fsync(self.file.fileno())
        try:
            self.path.replace(target)  # Readers see the complete file or none.
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.path.replace(target)
        self.is_finished = True
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # Otherwise the name may not survive a power cut.
        finally:
            os.close(folder)
        return stamp_of(os.fstat(self.file.fileno()))


def stamp_of(status: os.stat_result) -> str:
    """Return text that changes whenever the bytes of a file are written."""
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


@contextmanager
def unfinished(root: Path) -> Iterator[Unfinished]:
    """Open a temporary file in `root`/incoming, deleted at the end unless it was finished. Raises Unreachable, DiskFull."""
    incoming = root / "incoming"
    try:
        try:
            number, path = tempfile.mkstemp(dir=incoming)
        except FileNotFoundError:
            incoming.mkdir(parents=True, exist_ok=True)
            number, path = tempfile.mkstemp(dir=incoming)
        with os.fdopen(number, "wb", buffering=0) as file:
            opened = Unfinished(file, Path(path))
            try:
                yield opened
            finally:
                if not opened.is_finished:
                    opened.path.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(f"cannot write into {root}: the disk is full. Nothing was stored.") from error
        raise Unreachable(f"cannot write into {root}: {error.strerror}. Nothing was stored.") from error


def copy(source: BinaryIO, target: Unfinished) -> tuple[Digest, int]:
    """Write all bytes of `source`. Return their digest and size."""
    hashed = hashlib.sha256()

    def chunks() -> Iterator[bytes]:
        while chunk := source.read(CHUNK_BYTES):
            hashed.update(chunk)
            yield chunk

    size = write_all(chunks(), target)
    return Digest(hashed.hexdigest()), size


def write_all(chunks: Iterable[bytes | memoryview], target: Unfinished) -> int:
    """Write all chunks. While some are written, the next ones are received and hashed. Return the number of bytes."""
    size = synced = 0
    with _BackgroundWriter(target.file) as writer:
        for chunk in chunks:
            writer.write(chunk)
            size += len(chunk)
            if size - synced >= _WRITEBACK_BYTES:
                writer.start_writeback(synced, size - synced)
                synced = size
    return size


class _BackgroundWriter:
    """Writes chunks in a background thread, many small ones at once, while the next ones are received and hashed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._thread: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None
        self._gathered: list[bytes | memoryview] = []
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_exception: object) -> None:
        try:
            self._wait()
            if kind is None:
                _write_many(self._file, self._gathered)
        finally:
            if self._thread is not None:
                self._thread.shutdown()

    def write(self, chunk: bytes | memoryview) -> None:
        self._gathered.append(chunk)
        self._size += len(chunk)
        if self._size >= CHUNK_BYTES or len(self._gathered) >= _MAX_GATHERED:
            self._wait()
            self._thread = self._thread or ThreadPoolExecutor(1)
            self._pending = self._thread.submit(_write_many, self._file, self._gathered)
            self._gathered, self._size = [], 0

    def start_writeback(self, start: int, size: int) -> None:
        """Tell the kernel that a range is not needed soon, on which Linux starts to write its pages."""
        self._wait()
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), start, size, os.POSIX_FADV_DONTNEED)

    def _wait(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()


def _write_many(file: BinaryIO, chunks: list[bytes | memoryview]) -> None:
    """Write all chunks, usually with one call."""
    written = os.writev(file.fileno(), chunks) if chunks else 0
    for chunk in chunks:
        if written < len(chunk):
            write(file, chunk[written:])
        written = max(0, written - len(chunk))


def write(file: BinaryIO, content: bytes | memoryview) -> None:
    """Write all of `content`; a raw file may write less than requested at a time."""
    remaining = memoryview(content)
    while remaining:
        remaining = remaining[file.write(remaining) :]
