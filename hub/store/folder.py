"""A store in a folder.

    blobs/ab/abcdef…       content; its name is its SHA-256
    quarantine/abcdef…     damaged content; its name was its SHA-256
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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

from hub.errors import DamagedFile, DiskFull, UnknownFile, Unreachable
from hub.names import DATASETS, ArtifactName, Digest
from hub.store.checked import CHECKED_BYTES, CheckedStore, Stored

CHUNK_BYTES = 1 << 20
_WRITEBACK_BYTES = 16 << 20
"""Number of bytes after which the kernel is told to start writing them, so that little is left to sync at the end."""
_MIN_THREADED_BYTES = 256 << 10
"""Minimum chunk size for which a background thread is faster than writing directly."""
ABANDONED_S = 3600.0
"""Age in seconds at which an untouched unfinished write is considered abandoned."""


class FolderStore(CheckedStore):
    """A BlobStore on a file system. Any number of processes may use a folder at once."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = Path(root)

    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put`."""
        if isinstance(source, bytes):
            digest, size = Digest(hashlib.sha256(source).hexdigest()), len(source)
            _check_arrived(digest, size, expected)
            if self._keeps(digest, size):
                return digest, size
        with self._unfinished() as unfinished:
            if isinstance(source, bytes):
                _write(unfinished.file, source)
            else:
                digest, size = _copy(source, unfinished)
                _check_arrived(digest, size, expected)
                if self._keeps(digest, size):
                    return digest, size
            self._remember(digest, unfinished.finish(self._file(digest)))
        return digest, size

    def put_file(self, path: Path, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put_file`."""
        try:
            with path.open("rb") as source:
                if os.fstat(source.fileno()).st_size <= CHECKED_BYTES:
                    return self.put(source.read(), expected)
                digest = Digest(hashlib.file_digest(source, "sha256").hexdigest())
                if (expected is None or expected == digest) and self._confirms(digest, source.tell()):
                    return digest, source.tell()
                source.seek(0)
                return self.put(source, expected or digest)
        except OSError as error:
            raise Unreachable(f"cannot read {path}: {error.strerror}.") from error

    def digests(self) -> Iterator[Digest]:
        """See `BlobStore.digests`; sorted."""
        for file in sorted((self.root / "blobs").glob("??/*")):
            yield Digest(file.name)

    def delete(self, digest: Digest) -> None:
        """See `BlobStore.delete`."""
        self._file(digest).unlink(missing_ok=True)
        self._delete_aside(digest)

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

    def _find(self, digest: Digest) -> Stored | None:
        try:
            found = self._file(digest).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Unreachable(f"cannot read {self._file(digest)}: {error.strerror}.") from error
        return Stored(found.st_size, time.time() - found.st_mtime, _stamp(found))

    def _open(self, digest: Digest) -> BinaryIO:
        try:
            return self._file(digest).open("rb")
        except FileNotFoundError:
            raise UnknownFile(digest.hex, listing="hub verify") from None
        except OSError as error:
            raise Unreachable(f"cannot read {self._file(digest)}: {error.strerror}.") from error

    def _uncache(self, opened: BinaryIO) -> None:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def _path(self, digest: Digest) -> Path | None:
        return self._file(digest)

    def _touch(self, digest: Digest, found: Stored) -> str | None:  # noqa: ARG002 - the interface of all stores
        try:
            os.utime(self._file(digest))
            return _stamp(self._file(digest).stat())
        except FileNotFoundError:
            return None

    def _move_aside(self, digest: Digest, stamp: str) -> None:
        aside = self._aside(digest)
        try:
            aside.parent.mkdir(mode=0o700, exist_ok=True)
            self._file(digest).rename(aside)
            if (
                _stamp(aside.stat()) != stamp
            ):  # Put again since it was read: move it back, unless that happened once more.
                with suppress(FileExistsError):
                    self._file(digest).hardlink_to(aside)
                aside.unlink()
        except FileNotFoundError:
            return  # Another process was first.
        except OSError as error:
            raise Unreachable(f"cannot move damaged bytes to {aside}: {error.strerror}.") from error

    def _is_aside(self, digest: Digest) -> bool:
        return self._aside(digest).is_file()

    def _set_aside(self) -> Iterator[Digest]:
        for file in sorted((self.root / "quarantine").glob("*")):
            yield Digest(file.name)

    def _open_aside(self, digest: Digest) -> BinaryIO:
        return self._aside(digest).open("rb")

    def _delete_aside(self, digest: Digest) -> None:
        self._aside(digest).unlink(missing_ok=True)

    def _confirms(self, digest: Digest, size_bytes: int) -> bool:
        """Return whether the store has these bytes, after reading them if needed and resetting their age."""
        try:
            self.confirm(digest, size_bytes)
        except (UnknownFile, DamagedFile):
            return False
        return self.refresh(digest, size_bytes)

    def _aside(self, digest: Digest) -> Path:
        return self.root / "quarantine" / digest.hex

    def _file(self, digest: Digest) -> Path:
        return self.root / "blobs" / digest.hex[:2] / digest.hex

    def _reference(self, name: ArtifactName) -> Path:
        return self.root / "refs" / f"{name}.json"

    @contextmanager
    def _unfinished(self) -> Iterator[_Unfinished]:
        """Open a temporary file, deleted at the end unless it was finished. Raises Unreachable, DiskFull."""
        incoming = self.root / "incoming"
        try:
            try:
                number, path = tempfile.mkstemp(dir=incoming)
            except FileNotFoundError:
                incoming.mkdir(parents=True, exist_ok=True)
                number, path = tempfile.mkstemp(dir=incoming)
            with os.fdopen(number, "wb", buffering=0) as file:
                unfinished = _Unfinished(file, Path(path))
                try:
                    yield unfinished
                finally:
                    if not unfinished.is_finished:
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
        return _stamp(os.fstat(self.file.fileno()))


def _stamp(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


def _check_arrived(digest: Digest, size: int, expected: Digest | None) -> None:
    if expected is not None and digest != expected:
        raise DamagedFile(f"the bytes of `{expected}` arrived as `{digest}` ({size} bytes): send them again.")


def _copy(source: BinaryIO, target: _Unfinished) -> tuple[Digest, int]:
    hashed = hashlib.sha256()
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
