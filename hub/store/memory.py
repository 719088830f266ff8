"""Blobs in memory: for tests, and for looking at a registry without touching the disk."""

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
    """A BlobStore that ends with the process."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}
        self._put_at: dict[Digest, float] = {}
        self._references: dict[str, bytes] = {}

    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """Keep bytes; DamagedFile when they are not `expected`."""
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
        """Keep a copy of a file."""
        return self.put(path.read_bytes(), expected)

    def refresh(self, digest: Digest) -> bool:
        """Make bytes that are here count as just put."""
        if digest not in self._blobs:
            return False
        self._put_at[digest] = time.monotonic()
        return True

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes, from their beginning; UnknownFile when absent."""
        return io.BytesIO(self._get(digest))

    def path(self, digest: Digest) -> Path | None:  # noqa: ARG002 - the protocol's signature
        """None: there are no files here."""
        return None

    def url(self, digest: Digest, seconds: int = 3600) -> str | None:  # noqa: ARG002 - the protocol's signature
        """None: nobody else can read this memory."""
        return None

    def age_s(self, digest: Digest) -> float:
        """Seconds since the bytes were last put; UnknownFile when absent."""
        self._get(digest)
        return time.monotonic() - self._put_at[digest]

    def size(self, digest: Digest) -> int:
        """Size in bytes; UnknownFile when absent."""
        return len(self._get(digest))

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._blobs

    def digests(self) -> Iterator[Digest]:
        """All blobs."""
        return iter(tuple(self._blobs))

    def delete(self, digest: Digest) -> None:
        """Forget a blob."""
        self._blobs.pop(digest, None)

    def delete_unused(self, digest: Digest, seconds: float) -> bool:
        """Forget a blob that nobody has put for so many seconds."""
        if digest not in self or self.age_s(digest) < seconds:
            return False
        self.delete(digest)
        return True

    def write_reference(self, name: ArtifactName, content: bytes) -> None:
        """Keep an artifact's reference in place of its former one."""
        self._references[str(name)] = content

    def references(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of every reference, sorted."""
        return iter(sorted(self._references.items()))

    def delete_reference(self, name: ArtifactName) -> None:
        """Forget a reference."""
        self._references.pop(str(name), None)

    def room(self) -> int | None:
        """None: the machine decides."""
        return None

    def unfinished(self) -> list[str]:
        """None: a write is over before it can be seen."""
        return []

    def sweep(self) -> list[str]:
        """Nothing: an interrupted writer leaves nothing here."""
        return []

    def _get(self, digest: Digest) -> bytes:
        if digest not in self._blobs:
            raise UnknownFile(digest.hex, listing="hub verify")
        return self._blobs[digest]
