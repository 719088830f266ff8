"""Damage stored blobs behind the store's back, as a disk does."""

from __future__ import annotations

from collections.abc import Callable

from hub.names import Digest
from hub.store import BlobStore, FolderStore, MemoryStore


def flip(content: bytes) -> bytes:
    """Return the bytes with another first one."""
    return bytes([content[0] ^ 1]) + content[1:]


def damage(store: BlobStore, digest: Digest, change: Callable[[bytes], bytes] = flip) -> None:
    """Change the bytes of a blob."""
    if isinstance(store, MemoryStore):
        store._blobs[digest] = change(store._blobs[digest])
    elif isinstance(store, FolderStore):
        path = store.root / "blobs" / digest.hex[:2] / digest.hex
        path.write_bytes(change(path.read_bytes()))
    else:
        import obstore

        key = f"blobs/{digest.hex[:2]}/{digest.hex}"
        obstore.put(store._store, key, change(bytes(obstore.get(store._store, key).bytes())))
