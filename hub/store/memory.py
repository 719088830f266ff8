"""A store in memory, for tests and for reading a registry without touching the disk."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hub.errors import DamagedFile, UnknownFile
from hub.names import ArtifactName, Digest


class MemoryStore:
    """A BlobStore in the memory of this process."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}
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

    def refresh(self, digest: Digest) -> bool:
        """See `BlobStore.refresh`."""
        if digest not in self._blobs:
            return False
        self._put_at[digest] = time.monotonic()
        return True

    def open(self, digest: Digest) -> BinaryIO:
        """See `BlobStore.open`."""
        return io.BytesIO(self._get(digest))

    def path(self, digest: Digest) -> Path | None:  # noqa: ARG002 - the protocol's signature
        """Return None: there are no files."""
        return None

    def url(self, digest: Digest, seconds: int = 3600) -> str | None:  # noqa: ARG002 - the protocol's signature
        """Return None: no other process can read this memory."""
        return None

    def age_s(self, digest: Digest) -> float:
        """See `BlobStore.age_s`."""
        self._get(digest)
        return time.monotonic() - self._put_at[digest]

    def size(self, digest: Digest) -> int:
        """See `BlobStore.size`."""
        return len(self._get(digest))

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._blobs

    def digests(self) -> Iterator[Digest]:
        """See `BlobStore.digests`."""
        return iter(tuple(self._blobs))

    def delete(self, digest: Digest) -> None:
        """See `BlobStore.delete`."""
        self._blobs.pop(digest, None)

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

    def _get(self, digest: Digest) -> bytes:
        if digest not in self._blobs:
            raise UnknownFile(digest.hex, listing="hub verify")
        return self._blobs[digest]
