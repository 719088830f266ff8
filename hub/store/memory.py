"""A store in memory, for tests and for reading a registry without touching the disk."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hub.errors import DamagedFile
from hub.names import ArtifactName, Digest
from hub.store.checked import CheckedStore, Stored


class MemoryStore(CheckedStore):
    """A BlobStore in the memory of this process."""

    is_local = True

    def __init__(self) -> None:
        super().__init__()
        self._blobs: dict[Digest, bytes] = {}
        self._damaged: dict[Digest, bytes] = {}
        self._put_at: dict[Digest, float] = {}
        self._references: dict[str, bytes] = {}

    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put`."""
        content = source if isinstance(source, bytes) else source.read()
        digest = Digest(hashlib.sha256(content).hexdigest())
        if expected is not None and digest != expected:
            raise DamagedFile(
                f"the bytes of `{expected}` arrived as `{digest}` ({len(content)} bytes): send them again."
            )
        self._blobs[digest] = content
        self._put_at[digest] = time.monotonic()
        return digest, len(content)

    def put_file(self, path: Path, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put_file`."""
        return self.put(path.read_bytes(), expected)

    def digests(self) -> Iterator[Digest]:
        """See `BlobStore.digests`."""
        return iter(tuple(self._blobs))

    def delete(self, digest: Digest) -> None:
        """See `BlobStore.delete`."""
        self._blobs.pop(digest, None)
        self._damaged.pop(digest, None)

    def delete_unused(self, digest: Digest, seconds: float) -> bool:
        """See `BlobStore.delete_unused`."""
        if digest not in self or self.age_s(digest) < seconds:
            return False
        self.delete(digest)
        return True

    def write_reference(self, name: ArtifactName, content: bytes) -> None:
        """See `BlobStore.write_reference`."""
        self._references[str(name)] = content

    def references(self) -> Iterator[tuple[str, bytes]]:
        """See `BlobStore.references`."""
        return iter(sorted(self._references.items()))

    def delete_reference(self, name: ArtifactName) -> None:
        """See `BlobStore.delete_reference`."""
        self._references.pop(str(name), None)

    def free_bytes(self) -> int | None:
        """Return None: unknown."""
        return None

    def unfinished(self) -> list[str]:
        """Return an empty list: writes are atomic."""
        return []

    def sweep(self) -> list[str]:
        """Return an empty list: interrupted writes leave nothing behind."""
        return []

    def _find(self, digest: Digest) -> Stored | None:
        if digest not in self._blobs:
            return None
        content, put_at = self._blobs[digest], self._put_at[digest]
        return Stored(len(content), time.monotonic() - put_at, str(id(content)))

    def _open(self, digest: Digest) -> BinaryIO:
        return io.BytesIO(self._blobs[digest])

    def _touch(self, digest: Digest, found: Stored) -> str | None:
        self._put_at[digest] = time.monotonic()
        return found.stamp

    def _move_aside(self, digest: Digest, stamp: str) -> None:  # noqa: ARG002 - nothing else writes this memory
        self._damaged[digest] = self._blobs.pop(digest)

    def _is_aside(self, digest: Digest) -> bool:
        return digest in self._damaged

    def _set_aside(self) -> Iterator[Digest]:
        return iter(tuple(self._damaged))

    def _open_aside(self, digest: Digest) -> BinaryIO:
        return io.BytesIO(self._damaged[digest])

    def _delete_aside(self, digest: Digest) -> None:
        self._damaged.pop(digest, None)
