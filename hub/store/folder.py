"""A store in a folder.

    blobs/ab/abcdef…       content; its name is its SHA-256
    refs/<owner>/<name>.json   references, those of data sets below refs/datasets/
    incoming/              unfinished writes, on the same file system, so that a rename finishes them

A file is written to `incoming/` while its digest is computed, synced and renamed; then its folder is synced. A crash leaves a
file in `incoming/`, never an incomplete blob.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from hub.errors import DamagedFile, DiskFull, UnknownFile, Unreachable
from hub.names import DATASETS, ArtifactName, Digest

CHUNK_BYTES = 1 << 20
_WRITEBACK_BYTES = 16 << 20
"""Number of bytes after which the kernel is told to start writing them, so that little is left to sync at the end."""
_MIN_THREADED_BYTES = 256 << 10
"""Minimum chunk size for which a background thread is faster than writing directly."""
ABANDONED_S = 3600.0
"""Age in seconds at which an untouched unfinished write is considered abandoned."""


class FolderStore:
    """A BlobStore on a file system. Any number of processes may use a folder at once."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put`."""
        with self._unfinished() as unfinished:
            digest, size = _copy(source, unfinished)
            if expected is not None and digest != expected:
                raise DamagedFile(f"the bytes of `{expected}` arrived as `{digest}` ({size} bytes): send them again.")
            if not self.refresh(digest):
                unfinished.finish(self._file(digest))
        return digest, size

    def put_file(self, path: Path, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put_file`."""
        try:
            with path.open("rb") as source:
                digest = Digest(hashlib.file_digest(source, "sha256").hexdigest())
                if (expected is None or expected == digest) and self.refresh(digest):
                    return digest, source.tell()
                source.seek(0)
                return self.put(source, expected or digest)
        except OSError as error:
            raise Unreachable(f"cannot read {path}: {error.strerror}.") from error

    def refresh(self, digest: Digest) -> bool:
        """See `BlobStore.refresh`. A fresh blob is not garbage-collected before it is referenced."""
        try:
            os.utime(self._file(digest))
        except FileNotFoundError:
            return False
        return True

    def open(self, digest: Digest) -> BinaryIO:
        """See `BlobStore.open`."""
        try:
            return self._file(digest).open("rb")
        except FileNotFoundError:
            raise UnknownFile(digest.hex, listing="hub verify") from None
        except OSError as error:
            raise Unreachable(f"cannot read {self._file(digest)}: {error.strerror}.") from error

    def path(self, digest: Digest) -> Path | None:
        """Return the file of the blob."""
        file = self._file(digest)
        return file if file.is_file() else None

    def url(self, digest: Digest, seconds: int = 3600) -> str | None:  # noqa: ARG002 - the protocol's signature
        """Return None: local files have no URL."""
        return None

    def age_s(self, digest: Digest) -> float:
        """See `BlobStore.age_s`."""
        try:
            return time.time() - self._file(digest).stat().st_mtime
        except FileNotFoundError:
            raise UnknownFile(digest.hex, listing="hub verify") from None

    def size(self, digest: Digest) -> int:
        """See `BlobStore.size`."""
        try:
            return self._file(digest).stat().st_size
        except FileNotFoundError:
            raise UnknownFile(digest.hex, listing="hub verify") from None

    def __contains__(self, digest: Digest) -> bool:
        return self._file(digest).is_file()

    def digests(self) -> Iterator[Digest]:
        """See `BlobStore.digests`; sorted."""
        for file in sorted((self.root / "blobs").glob("??/*")):
            yield Digest(file.name)

    def delete(self, digest: Digest) -> None:
        """See `BlobStore.delete`."""
        self._file(digest).unlink(missing_ok=True)

    def delete_unused(self, digest: Digest, seconds: float) -> bool:
        """See `BlobStore.delete_unused`.

        The blob is moved aside before its age is checked: a later put writes it again, and a blob that was put at the last moment is
        moved back.
        """
        aside = self.root / "incoming" / f"unused-{digest.hex}"
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            self._file(digest).rename(aside)
        except FileNotFoundError:
            return False
        if time.time() - aside.stat().st_mtime < seconds:
            aside.rename(self._file(digest))
            return False
        aside.unlink()
        return True

    def adopt(self, path: Path, digest: Digest) -> bool:
        """Add the file at `path` as a hard link, without reading it. Return False if it is on another file system."""
        target = self._file(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(path)
        except OSError:
            return False
        return True

    def write_reference(self, name: ArtifactName, content: bytes) -> None:
        """See `BlobStore.write_reference`."""
        with self._unfinished() as unfinished:
            _write(unfinished.file, content)
            (self.root / "refs").mkdir(mode=0o700, exist_ok=True)  # Its files name private artifacts.
            unfinished.finish(self._reference(name))

    def references(self) -> Iterator[tuple[str, bytes]]:
        """See `BlobStore.references`."""
        folder = self.root / "refs"
        for file in sorted([*folder.glob("*/*.json"), *folder.glob(f"{DATASETS}*/*.json")]):
            yield file.relative_to(folder).with_suffix("").as_posix(), file.read_bytes()

    def delete_reference(self, name: ArtifactName) -> None:
        """See `BlobStore.delete_reference`."""
        self._reference(name).unlink(missing_ok=True)

    def free_bytes(self) -> int | None:
        """Return the free bytes of the file system."""
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def unfinished(self) -> list[str]:
        """Return the names of files that are being written or were abandoned."""
        return sorted(file.name for file in (self.root / "incoming").glob("*"))

    def sweep(self) -> list[str]:
        """Delete abandoned writes. Return their names."""
        removed = []
        for file in sorted((self.root / "incoming").glob("*")):
            if time.time() - file.stat().st_mtime > ABANDONED_S:
                file.unlink(missing_ok=True)
                removed.append(file.name)
        return removed

    def _file(self, digest: Digest) -> Path:
        return self.root / "blobs" / digest.hex[:2] / digest.hex

    def _reference(self, name: ArtifactName) -> Path:
        return self.root / "refs" / f"{name}.json"

    @contextmanager
    def _unfinished(self) -> Iterator[_Unfinished]:
        """Open a temporary file, deleted at the end unless it was finished. Raises Unreachable, DiskFull."""
        incoming = self.root / "incoming"
        try:
            incoming.mkdir(parents=True, exist_ok=True)
            number, path = tempfile.mkstemp(dir=incoming)
            with os.fdopen(number, "wb", buffering=0) as file:
                unfinished = _Unfinished(file, Path(path))
                try:
                    yield unfinished
                finally:
                    unfinished.path.unlink(missing_ok=True)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise DiskFull(f"cannot write into {self.root}: the disk is full. Nothing was stored.") from error
            raise Unreachable(f"cannot write into {self.root}: {error.strerror}. Nothing was stored.") from error


class _Unfinished:
    """A file that is being written."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file = file
        self.path = path

    def finish(self, target: Path) -> None:
        """Make the bytes durable under their final name."""
        os.fsync(self.file.fileno())
        self.path.chmod(0o644)  # mkstemp gives 0600; a web server under another user reads blobs too.
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(target)  # Readers see the complete file or none.
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # Otherwise the name may not survive a power cut.
        finally:
            os.close(folder)


def _copy(source: BinaryIO | bytes, target: _Unfinished) -> tuple[Digest, int]:
    hashed = hashlib.sha256()
    if isinstance(source, bytes):
        hashed.update(source)
        _write(target.file, source)
        return Digest(hashed.hexdigest()), len(source)
    size = synced = 0
    with _BackgroundWriter(target.file) as writer:
        while chunk := source.read(CHUNK_BYTES):
            writer.write(chunk)
            hashed.update(chunk)
            size += len(chunk)
            if size - synced >= _WRITEBACK_BYTES:
                writer.start_writeback(synced, size - synced)
                synced = size
    return Digest(hashed.hexdigest()), size


class _BackgroundWriter:
    """Writes large chunks in a background thread, while the next one is received and hashed. At most one chunk is pending."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._thread: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            self._wait()
        finally:
            if self._thread is not None:
                self._thread.shutdown()

    def write(self, chunk: bytes) -> None:
        self._wait()
        if len(chunk) < _MIN_THREADED_BYTES:
            _write(self._file, chunk)
            return
        self._thread = self._thread or ThreadPoolExecutor(1)
        self._pending = self._thread.submit(_write, self._file, chunk)

    def start_writeback(self, start: int, size: int) -> None:
        """Tell the kernel that a range is not needed soon, on which Linux starts to write its pages."""
        self._wait()
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file.fileno(), start, size, os.POSIX_FADV_DONTNEED)

    def _wait(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()


def _write(file: BinaryIO, content: bytes) -> None:
    """Write all of `content`; a raw file may write less than requested at a time."""
    remaining = memoryview(content)
    while remaining:
        remaining = remaining[file.write(remaining) :]
