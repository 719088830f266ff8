"""Read small blobs that describe an artifact, where a damaged one must not take the description down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import DamagedFile, UnknownFile
from hub.names import Digest

if TYPE_CHECKING:
    from hub.store import BlobStore


def read_whole(store: BlobStore, digest: Digest, size_bytes: int) -> bytes | None:
    """Return the bytes of a blob; None if they are damaged or missing."""
    try:
        with store.open(digest, size_bytes) as opened:
            return opened.read()
    except (DamagedFile, UnknownFile):
        return None
