"""Download files from the upstream. Each file is fetched once by all processes of a machine, and all requests for it share the download.

A thread writes the content to a temporary file and hashes it. Readers follow at their own speed but do not get the last byte before
the digest is verified: if the upstream sends wrong content, clients see an interrupted download, never a complete one.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import anyio
from filelock import FileLock, Timeout

from hub.errors import HubError, InvalidUpstreamResponse, Unreachable, UpstreamDown
from hub.names import Digest
from hub.store.folder import ABANDONED_S
from server.background import STOP_S
from server.parts.mirror.mirrored_repositories import MirroredFile, blob_of, save_blob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.local import LocalHub

OpenUpstream = Callable[[], "AbstractContextManager[Iterator[bytes]]"]
CHUNK_BYTES = 1 << 20
"""Bytes that a reader sends at a time."""
POLL_S = 0.02
"""Seconds between checks for new bytes by a reader that has read all available ones."""
_log = logging.getLogger("server.mirror")


class Fetch:
    """The download of one file."""

    def __init__(self, file: MirroredFile, path: Path, stopped: threading.Event) -> None:
        self.file = file
        self.path = path
        self._stopped = stopped
        self.size = 0
        """Bytes received so far."""
        self.error: HubError | None = None
        self.is_verified = False
        """Whether all bytes are received and have the listed digest."""
        self._is_stored = False
        self._started = threading.Event()
        self._ended = threading.Event()

    def run(self, open_upstream: OpenUpstream, hub: LocalHub, when_stored: Callable[[], None] = lambda: None) -> None:
        """Download, verify and store the file. Errors are passed on to the readers.

        Those who wait until it is stored also wait for `when_stored`: they may close the hub next, which this thread must not use then.
        """
        try:
            with io.FileIO(self.path, "r+") as target, open_upstream() as chunks:
                self._started.set()
                digest = self._receive(chunks, target)
            self.is_verified = True
            hub.store.put_file(self.path, digest)
            self._check_continues()  # Storing a large file takes long, and the hub may be closed by now.
            save_blob(hub.registry.database, self.file.etag, digest, self.size)
            self._is_stored = True
        except HubError as error:
            self._fail(error)
        except OSError as error:
            self._fail(Unreachable(f"cannot write {self.path}: {error.strerror}. Nothing was stored."))
        finally:
            if (
                not self._is_stored and self.error is None
            ):  # After a bug of ours: without an error, readers would wait forever.
                self.error = Unreachable(f"`{self.file.path}` could not be stored: see the server's log.")
            self._started.set()
            try:
                if self._is_stored:
                    when_stored()
            finally:
                self._ended.set()

    def wait_for_start(self) -> None:
        """Wait until the upstream starts to send; for a small file, until it is stored. Raises the error of the download."""
        is_small = self.file.size_bytes <= CHUNK_BYTES
        (self._ended if is_small else self._started).wait()
        if self.error is not None and (is_small or self.size == 0):
            raise self.error

    def wait_until_stored(self) -> None:
        """Wait until the file is stored. Raises the error of the download."""
        self._ended.wait()
        if self.error is not None:
            raise self.error

    def _receive(self, chunks: Iterator[bytes], target: io.FileIO) -> Digest:
        whole, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % self.file.size_bytes, usedforsecurity=False)
        for chunk in chunks:
            self._check_continues()
            if self.size + len(chunk) > self.file.size_bytes:
                raise InvalidUpstreamResponse(
                    f"`{self.file.path}` exceeds the listed size of {self.file.size_bytes} bytes: nothing was stored."
                )
            whole.update(chunk)
            git.update(chunk)
            left = memoryview(chunk)
            while left:
                left = left[target.write(left) :]
            self.size += len(chunk)
        if self.size != self.file.size_bytes:
            raise InvalidUpstreamResponse(
                f"`{self.file.path}` ended after {self.size} of {self.file.size_bytes} bytes: nothing was stored."
            )
        found = whole.hexdigest() if self.file.is_large else git.hexdigest()
        if found != self.file.etag:
            raise InvalidUpstreamResponse(
                f"`{self.file.path}` has the digest {found[:12]}, but the upstream lists {self.file.etag[:12]}: nothing was "
                "stored."
            )
        return Digest(whole.hexdigest())

    def _check_continues(self) -> None:
        if self._stopped.is_set():
            raise _stopping(self.file)

    def _fail(self, error: HubError) -> None:
        _log.warning("%s", error)
        self.error = error


class FetchReader:
    """Reads a file while it is downloaded. Close it, or read to the end."""

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self._opened = fetch.path.open("rb")  # Stays readable after the file is deleted.

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` to `end` as they arrive. Raises the error of the download instead of the last byte."""
        fetch = self.fetch
        try:
            while start < end:
                available = fetch.size if fetch.is_verified else min(fetch.size, fetch.file.size_bytes - 1)
                count = min(CHUNK_BYTES, end - start, available - start)
                if count > 0:
                    part = await anyio.to_thread.run_sync(os.pread, self._opened.fileno(), count, start)
                    start += len(part)
                    yield part
                elif fetch.error is not None and not fetch.is_verified:
                    raise fetch.error
                else:
                    await anyio.sleep(POLL_S)
        finally:
            self.close()


class Fetches:
    """The running downloads of this process. One process at a time downloads a file, which others copy as it grows."""

    def __init__(self, hub: LocalHub, when_stored: Callable[[MirroredFile], None] = lambda _: None) -> None:
        self._hub, self._when_stored = hub, when_stored
        self._lock = threading.Condition()
        self._running: dict[str, Fetch] = {}
        self._stopped = threading.Event()
        self._folder = hub.home.folder / "mirror"
        self._locks = hub.home.folder / "locks" / "mirror"
        self._delete_abandoned()

    def join(self, file: MirroredFile, open_upstream: OpenUpstream) -> FetchReader:
        """Return a reader of a file, and start its download if it is not running. Raises Unreachable after `close`."""
        with self._lock:
            if self._stopped.is_set():
                raise _stopping(file)
            if (running := self._running.get(file.etag)) is not None:
                return FetchReader(running)
            for folder in (self._folder, self._locks):
                folder.mkdir(parents=True, exist_ok=True)
            descriptor, path = tempfile.mkstemp(dir=self._folder)
            os.close(descriptor)
            fetch = self._running[file.etag] = Fetch(file, Path(path), self._stopped)
            reader = FetchReader(fetch)
        threading.Thread(target=self._run, args=(fetch, open_upstream), name=f"fetch {file.path}", daemon=True).start()
        return reader

    def close(self) -> None:
        """End the downloads, so that the hub can be closed, and delete what they received. Waits up to STOP_S.

        A download whose upstream stalls ends later, without using the hub.
        """
        with self._lock:
            self._stopped.set()
            self._lock.wait_for(lambda: not self._running, STOP_S)
            for stalled in self._running.values():
                stalled.path.unlink(missing_ok=True)

    def _run(self, fetch: Fetch, open_upstream: OpenUpstream) -> None:
        file, shared = fetch.file, self._folder / fetch.file.etag
        lock = FileLock(self._locks / file.etag, thread_local=False)
        try:
            if _is_taken(lock):
                if blob_of(self._hub.registry.database, file.etag) is None:
                    with self._lock:  # Readers open the path.
                        fetch.path.replace(shared)
                        fetch.path = shared  # Other processes read it there.
                    fetch.run(open_upstream, self._hub, partial(self._make_room, file))
                else:  # Another process has just stored it.
                    fetch.run(partial(self._open_stored, file), self._hub)
            else:
                fetch.run(partial(self._follow, file, shared, lock), self._hub)
        finally:
            # At once: another download of this process would take one that still has the lock for that of another process.
            with self._lock:
                fetch.path.unlink(missing_ok=True)
                lock.release()
                del self._running[file.etag]
                self._lock.notify_all()

    def _make_room(self, file: MirroredFile) -> None:
        try:
            self._when_stored(file)
        except HubError as error:
            _log.error("cannot delete mirrored files: %s", error)

    @contextmanager
    def _open_stored(self, file: MirroredFile) -> Iterator[Iterator[bytes]]:
        digest = blob_of(self._hub.registry.database, file.etag)
        if digest is None:
            raise UpstreamDown(f"`{file.path}` could not be fetched: try again.")
        with self._hub.store.open(digest, file.size_bytes) as opened:
            yield iter(partial(opened.read, CHUNK_BYTES), b"")

    @contextmanager
    def _follow(self, file: MirroredFile, shared: Path, lock: FileLock) -> Iterator[Iterator[bytes]]:
        """Yield the chunks of a file that another process downloads. They are verified again, since it may fail."""
        while not _is_taken(lock):
            try:
                source = shared.open("rb")
            except FileNotFoundError:
                self._pause(file)
                continue
            with source:
                yield self._growing(file, source, lock)
            return
        with self._open_stored(file) as chunks:
            yield chunks

    def _growing(self, file: MirroredFile, source: BinaryIO, lock: FileLock) -> Iterator[bytes]:
        has_ended = False
        while True:
            if chunk := source.read(CHUNK_BYTES):
                yield chunk
            elif has_ended:
                return
            elif not (has_ended := _is_taken(lock)):  # What was written before the lock was released is read once more.
                self._pause(file)

    def _pause(self, file: MirroredFile) -> None:
        if self._stopped.wait(POLL_S):
            raise _stopping(file)

    def _delete_abandoned(self) -> None:
        """Delete files left by processes that have ended."""
        for path in (*self._folder.glob("*"), *self._locks.glob("*")):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED_S:
                    path.unlink()


def _stopping(file: MirroredFile) -> Unreachable:
    return Unreachable(f"`{file.path}` is not downloaded because this server stops: try again later.")


def _is_taken(lock: FileLock) -> bool:
    """Take the lock, unless another process has it, and return whether this one has it now."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    return True
