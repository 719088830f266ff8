"""Stores of blobs, which are identified by their SHA-256, and of references, one per artifact, which list its revisions.

Blobs have no names. References make it possible to rebuild the registry: they are written after the registry's transaction, and
`hub index` reads them if `registry.db` is lost. Wrong bytes are never returned; see `hub.store.checked` and docs/internals/integrity.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, runtime_checkable
from urllib.parse import unquote

from hub.errors import InvalidRequest
from hub.names import ArtifactName, Digest
from hub.store.composed import Part, Piece
from hub.store.folder import FolderStore
from hub.store.memory import MemoryStore

if TYPE_CHECKING:
    from hub.xet.xorb import Bytes, Chunk

__all__ = ["BlobStore", "FolderStore", "MemoryStore", "open_store"]


@runtime_checkable
class BlobStore(Protocol):
    """The interface of a store, tested for every implementation by `tests/hub/store/test_contract.py`."""

    @property
    def is_local(self) -> bool:
        """Whether blobs are read from this machine and not over a network."""

    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """Store the bytes of `source`. Return their digest and size in bytes.

        Raises `DamagedFile` if the digest is not `expected`, `Unreachable` if the bytes cannot be written and `DiskFull` if the disk
        is full; nothing is stored then.
        """

    def put_file(self, path: Path, expected: Digest | None = None) -> tuple[Digest, int]:
        """Store a copy of the file at `path`, unless the store has its bytes, which it verifies. Returns and raises like `put`."""

    def put_xorb(self, chunks: Iterable[tuple[Chunk, Bytes]]) -> tuple[Digest, list[Chunk]]:
        """Store the chunks of a xorb, each of which was compared with its hash. Return the digest of the blob, and the chunks.

        A store may name such a blob after the hashes of its chunks instead of its SHA-256. Raises like `put`.
        """

    def compose(self, parts: Sequence[Part], expected: Digest | None) -> Digest:
        """Make the blob that consists of `parts`, without storing their bytes again where the store can. Return its digest.

        Its bytes are read and compared with `expected`. The blobs of the parts must not be deleted for as long as `needed_blobs` has
        them. Raises like `put` and `open`.
        """

    def needed_blobs(self) -> set[Digest]:
        """Return all blobs that composed blobs consist of."""

    def refresh(self, digest: Digest, size_bytes: int | None = None) -> bool:
        """Reset the age of a blob that `holds` finds. Return False if it must be put again instead."""

    def open(self, digest: Digest, size_bytes: int | None = None) -> BinaryIO:
        """Open a blob for reading, after comparing its size, and the digest of up to CHECKED_BYTES bytes.

        `size_bytes`: the size that the registry has; pass it whenever it is known, and never one that a client states. Raises
        UnknownFile, DamagedBlob, and DamagedFile if only the expected size is wrong.
        """

    def path(self, digest: Digest, size_bytes: int | None = None) -> Path | None:
        """Return a local file with exactly these bytes, for mmap and sendfile; None if the store has none. Raises like `open`."""

    def pieces(self, digest: Digest, size_bytes: int | None = None) -> list[Piece] | None:
        """Return where the bytes are in local files, in order; None if they are elsewhere. Raises like `open`."""

    def url(self, digest: Digest, size_bytes: int | None = None, seconds: int = 3600) -> str | None:
        """Return a URL from which anyone can read the blob for `seconds`; None if the store has none. Raises UnknownFile, DamagedBlob."""

    def holds(self, digest: Digest, size_bytes: int | None = None) -> bool:
        """Return whether `open` would succeed: a blob that is damaged, or set aside, must be put again."""

    def verify(self, digest: Digest, size_bytes: int | None = None, pace: Callable[[int], None] | None = None) -> int:
        """Read all bytes of a blob, and set it aside unless they have its digest. Return its size.

        `pace` is called with the number of bytes after each chunk. Raises like `open`.
        """

    def confirm(self, digest: Digest, size_bytes: int | None = None) -> None:
        """Like `verify`, without reading bytes that this process has verified or received since they were last written."""

    def quarantined(self) -> Iterator[Digest]:
        """Yield the digests of damaged blobs, which `open` refuses until they are put again."""

    def reexamine(self) -> list[Digest]:
        """Restore blobs whose damaged bytes are right after all: a disk or memory fault can pass. Return them.

        Deletes the damaged bytes of blobs that were put again.
        """

    def age_s(self, digest: Digest) -> float:
        """Return the seconds since the blob was last put. Raises UnknownFile."""

    def size(self, digest: Digest) -> int:
        """Return the size in bytes. Raises UnknownFile."""

    def stored_size(self, digest: Digest) -> int:
        """Return how many bytes deleting the blob frees: few if it is composed of others. Raises UnknownFile."""

    def __contains__(self, digest: Digest) -> bool: ...

    def digests(self) -> Iterator[Digest]:
        """Yield the digests of all blobs, those that are composed of others last."""

    def delete(self, digest: Digest) -> None:
        """Delete a blob, damaged or not; nothing happens if it does not exist."""

    def delete_unused(self, digest: Digest, seconds: float) -> bool:
        """Delete a blob that was last put at least `seconds` ago. Return whether this call deleted it."""

    def write_reference(self, name: ArtifactName, content: bytes) -> None:
        """Replace the reference of an artifact atomically."""

    def references(self) -> Iterator[tuple[str, bytes]]:
        """Yield name and content of every reference, sorted by name."""

    def delete_reference(self, name: ArtifactName) -> None:
        """Delete a reference; nothing happens if it does not exist."""

    def free_bytes(self) -> int | None:
        """Return the free space in bytes; None if unknown."""

    def unfinished(self) -> list[str]:
        """Return the names of writes in progress or interrupted."""

    def sweep(self) -> list[str]:
        """Delete the files of interrupted writes. Return their names."""


def open_store(address: str | Path) -> BlobStore:
    """Return the store in a folder, at `file:///FOLDER` or at `s3://BUCKET/PREFIX`, without creating or connecting to it.

    Raises InvalidRequest for other addresses, MissingExtra if obstore is not installed.
    """
    text = str(address)
    if text.startswith("s3://"):
        from hub.store.bucket import BucketStore

        return BucketStore(text)
    if "://" in text and not text.startswith("file:///"):
        raise InvalidRequest(
            f"unsupported store {text.partition('://')[0]!r}: use a folder, file:///FOLDER or s3://BUCKET/PREFIX."
        )
    return FolderStore(Path(unquote(text.removeprefix("file://"))) if "://" in text else Path(text))
