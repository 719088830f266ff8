"""Files on their way from the upstream: each is fetched once, and everybody who wants it reads along.

A thread writes what arrives into a file of its own and hashes it. Readers follow, whatever their speed, and do not get
the last byte before the digest is right: a client of a lying upstream sees a download that broke off, never a whole one.
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
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from hub.errors import HubError, Unreachable, UpstreamWrong
from hub.names import Digest
from hub.store.folder import ABANDONED_S
from server.parts.mirror.copies import MirroredFile, save_blob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.local import LocalHub

Opening = Callable[[], "AbstractContextManager[Iterator[bytes]]"]
CHUNK_BYTES = 1 << 20
"""Bytes that a reader takes at a time."""
POLL_S = 0.02
"""How often a reader that has caught up looks for more."""
_log = logging.getLogger("server.mirror")


class Fetch:
    """One file that is being fetched."""

    def __init__(self, file: MirroredFile, place: Path) -> None:
        self.file = file
        self.place = place
        self.size = 0
        """Bytes that have arrived."""
        self.error: HubError | None = None
        self.is_verified = False
        """All bytes are here, and are the right ones."""
        self._is_stored = False
        self._started = threading.Event()
        self._ended = threading.Event()

    def run(self, opening: Opening, hub: LocalHub) -> None:
        """Fetch, check, keep. Whatever goes wrong is told to the readers."""
        try:
            with io.FileIO(self.place, "r+") as target, opening() as chunks:
                self._started.set()
                digest = self._receive(chunks, target)
            self.is_verified = True
            hub.store.put_file(self.place, digest)
            save_blob(hub.registry.database, self.file.etag, digest, self.size)
            self._is_stored = True
        except HubError as error:
            self._fail(error)
        except OSError as error:
            self._fail(Unreachable(f"cannot write {self.place}: {error.strerror}. Nothing was kept."))
        finally:
            if (
                not self._is_stored and self.error is None
            ):  # A fault of ours is passing through: nobody may wait for ever.
                self.error = Unreachable(f"`{self.file.path}` could not be kept: look into the server's log.")
            self._started.set()
            self._ended.set()

    def wait_for_start(self) -> None:
        """Wait until the upstream has begun to send; of a small file, until all is well. Raises what went wrong instead."""
        is_small = self.file.size_bytes <= CHUNK_BYTES
        (self._ended if is_small else self._started).wait()
        if self.error is not None and (is_small or self.size == 0):
            raise self.error

    def wait_until_stored(self) -> None:
        """Wait until the file is in the store. Raises what went wrong."""
        self._ended.wait()
        if self.error is not None:
            raise self.error

    def _receive(self, chunks: Iterator[bytes], target: io.FileIO) -> Digest:
        whole, git = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % self.file.size_bytes, usedforsecurity=False)
        for chunk in chunks:
            if self.size + len(chunk) > self.file.size_bytes:
                raise UpstreamWrong(
                    f"more than the {self.file.size_bytes} bytes of `{self.file.path}` came: none was kept."
                )
            whole.update(chunk)
            git.update(chunk)
            left = memoryview(chunk)
            while left:
                left = left[target.write(left) :]
            self.size += len(chunk)
        if self.size != self.file.size_bytes:
            raise UpstreamWrong(
                f"`{self.file.path}` broke off after {self.size} of {self.file.size_bytes} bytes: none was kept."
            )
        found = whole.hexdigest() if self.file.is_large else git.hexdigest()
        if found != self.file.etag:
            raise UpstreamWrong(
                f"`{self.file.path}` came with other bytes than the upstream lists ({found[:12]}, not "
                f"{self.file.etag[:12]}): none was kept."
            )
        return Digest(whole.hexdigest())

    def _fail(self, error: HubError) -> None:
        _log.warning("%s", error)
        self.error = error


class Reader:
    """Somebody who reads along. Close it, or read to the end."""

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self._opened = fetch.place.open("rb")  # Stays readable when the file is gone from its place.

    def close(self) -> None:
        """Read no more."""
        self._opened.close()

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes from `start` up to `end`, as they arrive. Raises what went wrong in place of the last ones."""
        fetch = self.fetch
        try:
            while start < end:
                there = fetch.size if fetch.is_verified else min(fetch.size, fetch.file.size_bytes - 1)
                count = min(CHUNK_BYTES, end - start, there - start)
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
    """All files that are being fetched by this process."""

    def __init__(self, hub: LocalHub) -> None:
        self._hub = hub
        self._lock = threading.Lock()
        self._running: dict[str, Fetch] = {}
        self._folder = hub.home.folder / "mirror"
        self._sweep()

    def join(self, file: MirroredFile, opening: Opening) -> Reader:
        """Read a file along with everybody else who wants it; it is fetched from now on, if it is not already."""
        with self._lock:
            if (running := self._running.get(file.etag)) is not None:
                return Reader(running)
            self._folder.mkdir(parents=True, exist_ok=True)
            number, place = tempfile.mkstemp(dir=self._folder)
            os.close(number)
            made = self._running[file.etag] = Fetch(file, Path(place))
            reader = Reader(made)
        threading.Thread(target=self._run, args=(made, opening), name=f"fetch {file.path}", daemon=True).start()
        return reader

    def _run(self, fetch: Fetch, opening: Opening) -> None:
        try:
            fetch.run(opening, self._hub)
        finally:
            with self._lock:
                del self._running[fetch.file.etag]
            fetch.place.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what a process that is gone has left."""
        for place in self._folder.glob("*"):
            with suppress(OSError):
                if time.time() - place.stat().st_mtime > ABANDONED_S:
                    place.unlink()
