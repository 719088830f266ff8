"""Where bytes live: blobs known by their SHA-256, and one small reference per artifact that lists its revisions.

A store knows no names but digests. References are the exception that makes the registry disposable: they are
written after the registry's transaction, and `hub index` reads them when `registry.db` is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable
from urllib.parse import unquote

from hub.errors import InvalidRequest
from hub.names import ArtifactName, Digest
from hub.store.folder import FolderStore
from hub.store.memory import MemoryStore

__all__ = ["BlobStore", "FolderStore", "MemoryStore", "open_store"]


@runtime_checkable
class BlobStore(Protocol):
    """What every store does; `tests/hub/store/test_contract.py` holds all of them to it."""

    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """Keep the bytes of `source`; their digest and size in bytes.

        Raises `DamagedFile` if the digest is not `expected` (nothing is kept), `Unreachable` if the bytes cannot be written and
        `DiskFull` if the disk is full.
        """

    def put_file(self, path: Path, expected: Digest | None = None) -> tuple[Digest, int]:
        """Keep a copy of the file at `path`; free of charge when its bytes are here already."""

    def refresh(self, digest: Digest) -> bool:
        """Make bytes that are here count as just put; False where they have to be put again for that."""

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes, from their beginning. Raises UnknownFile."""

    def path(self, digest: Digest) -> Path | None:
        """A local file with exactly these bytes, for mmap and sendfile; None when the store has none."""

    def url(self, digest: Digest, seconds: int = 3600) -> str | None:
        """An address from which anybody may read the bytes for some seconds; None when the store has none."""

    def age_s(self, digest: Digest) -> float:
        """Seconds since the bytes were last put, new ones or the same again. Raises UnknownFile."""

    def size(self, digest: Digest) -> int:
        """Size in bytes. Raises UnknownFile."""

    def __contains__(self, digest: Digest) -> bool: ...

    def digests(self) -> Iterator[Digest]:
        """All blobs, in no order."""

    def delete(self, digest: Digest) -> None:
        """Forget a blob; nothing happens when there is none."""

    def delete_unused(self, digest: Digest, seconds: float) -> bool:
        """Forget a blob that nobody has put for so many seconds; whether it is gone by this call."""

    def write_reference(self, name: ArtifactName, content: bytes) -> None:
        """Keep the reference of an artifact, in place of its former one. A reader sees the old or the new one whole."""

    def references(self) -> Iterator[tuple[str, bytes]]:
        """`owner/name` and content of every reference, sorted by name."""

    def delete_reference(self, name: ArtifactName) -> None:
        """Forget a reference; nothing happens when there is none."""

    def room(self) -> int | None:
        """Bytes that still fit; None when nobody can tell."""

    def unfinished(self) -> list[str]:
        """Writes that have not ended, or were interrupted."""

    def sweep(self) -> list[str]:
        """Remove what interrupted writers left behind; what was removed."""


def open_store(address: str | Path) -> BlobStore:
    """The store in a folder, at `file:///FOLDER` or at `s3://BUCKET/PREFIX`. Nothing is asked or created yet.

    Raises InvalidRequest for other addresses, MissingExtra when obstore is not installed.
    """
    text = str(address)
    if text.startswith("s3://"):
        from hub.store.bucket import BucketStore

        return BucketStore(text)
    if "://" in text and not text.startswith("file:///"):
        raise InvalidRequest(
            f"{text.partition('://')[0]!r} stores are not served: give a folder, file:///FOLDER or s3://BUCKET/PREFIX."
        )
    return FolderStore(Path(unquote(text.removeprefix("file://"))) if "://" in text else Path(text))
