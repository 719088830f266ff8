"""The code that all stores share: a blob is compared with its digest, and set aside if it is damaged.

A store only names bytes, moves them and returns facts about them; see the methods at the end of `CheckedStore`.

Damaged bytes are moved out of the blobs. From then on the blob does not exist, for this process and all others, until the right
bytes are stored: nothing serves it, and every upload of it is accepted. The moved bytes are kept, because a reader may have been
wrong about them.
"""

from __future__ import annotations

import errno
import hashlib
import io
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from hub.errors import DamagedBlob, DamagedFile, UnknownFile, Unreachable
from hub.names import Digest
from hub.store.composed import Part, Piece
from hub.store.joined import JoinedChunks

if TYPE_CHECKING:
    from hub.xet.xorb import Bytes, Chunk

CHECKED_BYTES = 1 << 20
"""Blobs of up to this size are compared with their digest whenever they are read; of larger ones, reading compares the size, and
`hub verify`, the scrub and commits the digest. Hashing 1 MiB takes 1 ms, about as long as the rest of a request; hashing more would
cost a reader that needs a header or a range more than its bytes. Cards, configurations and what commits contain are smaller."""
CHUNK_BYTES = 1 << 20
UNREADABLE = "unreadable"
"""Returned by `hash_file` instead of a digest if bytes cannot be read."""
_HASHED_BYTES = 256 << 10
"""Bytes that are hashed at a time: they stay in the processor's cache."""
_MAX_VERIFIED = 100_000
"""Verified blobs that a process remembers, about 20 MB."""
_log = logging.getLogger("hub.store")


@dataclass(frozen=True, slots=True)
class Stored:
    """Facts about a blob that are available without reading it."""

    size_bytes: int
    age_s: float
    """Seconds since it was last put."""
    stamp: str
    """Changes whenever the bytes are written."""


class CheckedStore(ABC):
    """The part of a BlobStore that decides whether bytes are right."""

    def __init__(self) -> None:
        self._verified: dict[Digest, str] = {}
        """The stamps of blobs whose digest this process has verified."""

    def open(self, digest: Digest, size_bytes: int | None = None) -> BinaryIO:
        """See `BlobStore.open`."""
        if size_bytes is not None and size_bytes <= CHECKED_BYTES:
            read = self._read_at_once(digest, size_bytes)
            if read is not None and len(read) == size_bytes and hashlib.sha256(read).hexdigest() == digest.hex:
                return io.BytesIO(read)
        found = self._find_of_size(digest, size_bytes)
        if found.size_bytes > CHECKED_BYTES:
            return self._open(digest)
        content = io.BytesIO()
        with self._open(digest) as opened:
            self._check(digest, found, self._hash(digest, opened, copy=content))
        content.seek(0)
        return content

    def path(self, digest: Digest, size_bytes: int | None = None) -> Path | None:
        """See `BlobStore.path`."""
        file = self._path(digest)
        if file is None:
            return None
        try:
            self.open(digest, size_bytes).close()
        except UnknownFile:
            return None
        return file

    def pieces(self, digest: Digest, size_bytes: int | None = None) -> list[Piece] | None:
        """See `BlobStore.pieces`."""
        if (file := self.path(digest, size_bytes)) is None:
            return None
        return [Piece(file, 0, file.stat().st_size)]

    def put_xorb(self, chunks: Iterable[tuple[Chunk, Bytes]]) -> tuple[Digest, list[Chunk]]:
        """See `BlobStore.put_xorb`."""
        listed: list[Chunk] = []

        def contents() -> Iterator[Bytes]:
            for chunk, content in chunks:
                listed.append(chunk)
                yield content

        return self.put(cast("BinaryIO", JoinedChunks(contents())))[0], listed

    def compose(self, parts: Sequence[Part], expected: Digest | None) -> Digest:
        """See `BlobStore.compose`. Stores that keep no ranges store the bytes whole."""
        size_bytes = sum(part.size for part in parts)
        if expected is not None and list(parts) == [Part(expected, 0, size_bytes, size_bytes)]:
            self.confirm(expected, size_bytes)
            if self.refresh(expected, size_bytes):
                return expected
        return self.put(cast("BinaryIO", JoinedChunks(self._read_parts(parts))), expected)[0]

    def needed_blobs(self) -> set[Digest]:
        """See `BlobStore.needed_blobs`."""
        return set()

    def url(self, digest: Digest, size_bytes: int | None = None, seconds: int = 3600) -> str | None:
        """See `BlobStore.url`."""
        if not self._has_urls:
            return None
        self._find_of_size(digest, size_bytes)
        return self._sign(digest, seconds)

    def holds(self, digest: Digest, size_bytes: int | None = None) -> bool:
        """See `BlobStore.holds`."""
        return self._find_right(digest, size_bytes) is not None

    def __contains__(self, digest: Digest) -> bool:
        return self.holds(digest)

    def refresh(self, digest: Digest, size_bytes: int | None = None) -> bool:
        """See `BlobStore.refresh`."""
        found = self._find_right(digest, size_bytes)
        return found is not None and self._renew(digest, found)

    def confirm(self, digest: Digest, size_bytes: int | None = None) -> None:
        """See `BlobStore.confirm`."""
        found = self._find_of_size(digest, size_bytes)
        if not self._is_verified(digest, found):
            self._verify(digest, found)

    def verify(self, digest: Digest, size_bytes: int | None = None, pace: Callable[[int], None] | None = None) -> int:
        """See `BlobStore.verify`."""
        found = self._find_of_size(digest, size_bytes)
        self._verify(digest, found, pace)
        return found.size_bytes

    def size(self, digest: Digest) -> int:
        """See `BlobStore.size`."""
        return self._get(digest).size_bytes

    def stored_size(self, digest: Digest) -> int:
        """See `BlobStore.stored_size`."""
        return self.size(digest)

    def age_s(self, digest: Digest) -> float:
        """See `BlobStore.age_s`."""
        return self._get(digest).age_s

    def quarantined(self) -> Iterator[Digest]:
        """See `BlobStore.quarantined`."""
        return (digest for digest in self._set_aside() if self._find(digest) is None)

    def reexamine(self) -> list[Digest]:
        """See `BlobStore.reexamine`."""
        restored = []
        for digest in list(self._set_aside()):
            if self._find(digest) is None:
                if not self._restore(digest):
                    continue
                restored.append(digest)
            self._delete_aside(digest)
        return restored

    @abstractmethod
    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put`."""

    def _read_parts(self, parts: Sequence[Part]) -> Iterator[Bytes]:
        for part in parts:
            with self.open(part.digest) as opened:
                yield from part.read(opened)

    def _keeps(self, digest: Digest, size_bytes: int) -> bool:
        """Return whether the store has these bytes for certain, after resetting their age; otherwise they are written again."""
        found = self._find_right(digest, size_bytes)
        if found is None or (size_bytes > CHECKED_BYTES and not self._is_verified(digest, found)):
            return False
        return self._renew(digest, found)

    def _renew(self, digest: Digest, found: Stored) -> bool:
        is_verified = self._is_verified(digest, found)
        stamp = self._touch(digest, found)
        if is_verified and stamp is not None:
            self._remember(digest, stamp)  # Resetting the age may change the stamp, and not the bytes.
        return stamp is not None

    def _find_right(self, digest: Digest, size_bytes: int | None) -> Stored | None:
        """Return a blob that `open` would return; None for any other."""
        if (found := self._find(digest)) is None:  # Whether damaged bytes of it were set aside makes no difference.
            return None
        try:
            self._compare_size(digest, found, size_bytes)
            if found.size_bytes <= CHECKED_BYTES and not self._is_verified(digest, found):
                self._verify(digest, found)
        except (UnknownFile, DamagedFile):
            return None
        return found

    def _find_of_size(self, digest: Digest, size_bytes: int | None) -> Stored:
        """Return a blob that has the expected size, if any. Raises UnknownFile, DamagedBlob, DamagedFile."""
        found = self._get(digest)
        self._compare_size(digest, found, size_bytes)
        return found

    def _compare_size(self, digest: Digest, found: Stored, size_bytes: int | None) -> None:
        if size_bytes is not None and found.size_bytes != size_bytes:
            self._verify(digest, found)  # A wrong expectation must not set a right blob aside.
            raise DamagedFile(
                f"blob {digest} has {found.size_bytes} bytes, not {size_bytes}: check it with `hub verify`."
            )

    def _verify(self, digest: Digest, found: Stored, pace: Callable[[int], None] | None = None) -> None:
        with self._open(digest) as opened:
            if pace is not None:
                self._uncache(opened)
            hashed = self._hash(digest, opened, pace)
            if pace is not None:
                self._uncache(opened)
        self._check(digest, found, hashed)
        self._remember(digest, found.stamp)

    def _hash(
        self,
        digest: Digest,  # noqa: ARG002 - for stores to override
        opened: BinaryIO,
        pace: Callable[[int], None] | None = None,
        copy: BinaryIO | None = None,
    ) -> str:
        """Return what the digest of these bytes is; see `hash_file`."""
        return hash_file(opened, pace, copy)

    def _restore(self, digest: Digest) -> bool:
        """Put bytes that were moved aside again if they are right. Return whether they are."""
        with self._open_aside(digest) as opened:
            if hash_file(opened) != digest.hex:
                return False
            opened.seek(0)
            self.put(opened, digest)
        return True

    def _get(self, digest: Digest) -> Stored:
        if (found := self._find(digest)) is not None:
            return found
        if self._is_aside(digest):
            raise DamagedBlob(digest.hex)
        raise UnknownFile(digest.hex, listing="hub verify")

    def _check(self, digest: Digest, found: Stored, hashed: str) -> None:
        """Set the blob aside and raise DamagedBlob unless `hashed`, the SHA-256 of its bytes, is its digest."""
        if hashed == digest.hex:
            return
        self._verified.pop(digest, None)
        _log.info("blob %s is damaged: its %d bytes have the digest %s", digest, found.size_bytes, hashed)
        self._move_aside(digest, found.stamp)
        raise DamagedBlob(digest.hex)

    def _is_verified(self, digest: Digest, found: Stored) -> bool:
        return self._verified.get(digest) == found.stamp

    def _remember(self, digest: Digest, stamp: str) -> None:
        """Remember that the bytes with this stamp are right."""
        while len(self._verified) >= _MAX_VERIFIED:
            self._verified.pop(next(iter(self._verified)), None)
        self._verified[digest] = stamp

    def _uncache(self, opened: BinaryIO) -> None:  # noqa: B027 - only a folder has such a cache
        """Drop a blob from the system's cache, so that a scrub reads the disk and does not displace what readers need."""

    _has_urls = False

    def _path(self, digest: Digest) -> Path | None:  # noqa: ARG002 - for stores to override
        """Return the local file of a blob; None if there is none."""
        return None

    def _sign(self, digest: Digest, seconds: int) -> str:
        """Return a URL of a blob. Only called if `_has_urls`."""
        raise NotImplementedError

    def _read_at_once(self, digest: Digest, size_bytes: int) -> bytes | None:  # noqa: ARG002 - for stores to override
        """Return the bytes of a blob of this size without finding it first; None, or other bytes, if that does not work."""
        return None

    @abstractmethod
    def _find(self, digest: Digest) -> Stored | None:
        """Return the facts about a blob; None if it does not exist."""

    @abstractmethod
    def _open(self, digest: Digest) -> BinaryIO:
        """Open a blob as it is. Raises UnknownFile."""

    @abstractmethod
    def _touch(self, digest: Digest, found: Stored) -> str | None:
        """Reset the age of a blob and return its new stamp; None if that needs the bytes."""

    @abstractmethod
    def _move_aside(self, digest: Digest, stamp: str) -> None:
        """Move a damaged blob aside, unless it was written again since it had `stamp`."""

    @abstractmethod
    def _is_aside(self, digest: Digest) -> bool:
        """Return whether damaged bytes of this blob were moved aside."""

    @abstractmethod
    def _set_aside(self) -> Iterator[Digest]:
        """Yield all blobs that were moved aside, also those that were put again."""

    @abstractmethod
    def _open_aside(self, digest: Digest) -> BinaryIO:
        """Open bytes that were moved aside."""

    @abstractmethod
    def _delete_aside(self, digest: Digest) -> None:
        """Delete bytes that were moved aside; nothing happens if there are none."""


def hash_file(opened: BinaryIO, pace: Callable[[int], None] | None = None, copy: BinaryIO | None = None) -> str:
    """Return the SHA-256 of a file that was not read yet; UNREADABLE if the disk cannot read it. Raises Unreachable for other errors.

    `pace` is called with the number of bytes after each chunk. `copy` gets the bytes.
    """
    hashed, buffer = hashlib.sha256(), memoryview(bytearray(_HASHED_BYTES))
    source: Any = getattr(opened, "raw", opened)  # Without another copy in the buffer of a buffered file.
    try:
        while count := source.readinto(buffer):
            hashed.update(buffer[:count])
            if copy is not None:
                copy.write(buffer[:count])
            if pace is not None:
                pace(count)
    except OSError as error:
        if error.errno in {
            errno.EIO,
            errno.ENOENT,
        }:  # A bad sector, or a part that was deleted: another copy must replace it.
            return UNREADABLE
        raise Unreachable(f"cannot read the store: {error.strerror or error}.") from error
    return hashed.hexdigest()
