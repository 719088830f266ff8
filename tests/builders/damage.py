"""Damage stored blobs behind the store's back, as a disk does."""

from __future__ import annotations

from collections.abc import Callable

from hub.names import Digest
from hub.store import BlobStore, FolderStore, MemoryStore


def flip(content: bytes) -> bytes:
    """Return the bytes with another first one."""
    return bytes([content[0] ^ 1]) + content[1:]


def damage(store: BlobStore, digest: Digest, change: Callable[[bytes], bytes] = flip) -> None:
    """Change the bytes of a blob; of a composed one, those of its first part."""
    if isinstance(store, MemoryStore):
        store._blobs[digest] = change(store._blobs[digest])
    elif isinstance(store, FolderStore):
        piece = store._places.pieces(digest)[0]
        content, end = piece.path.read_bytes(), piece.start + piece.size
        piece.path.write_bytes(content[: piece.start] + change(content[piece.start : end]) + content[end:])
    else:
        import obstore

        key = f"blobs/{digest.hex[:2]}/{digest.hex}"
        obstore.put(store._store, key, change(bytes(obstore.get(store._store, key).bytes())))
