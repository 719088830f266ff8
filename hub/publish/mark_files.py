"""Mark the files that can run code, so that pages show a badge and scanners read them."""

from __future__ import annotations

from collections.abc import Iterable

from hub.cards.policy import kind_of
from hub.records import File
from hub.registry import Registry
from hub.registry.artifacts.scans import mark_unsafe_files
from hub.store import BlobStore


def mark_files(files: Iterable[File], registry: Registry, store: BlobStore) -> None:
    """Mark pickles, archives and programs among `files`, whose blobs are in the store."""
    found = []
    for file in files:
        with store.open(file.digest) as opened:
            if kind := kind_of(file.path, opened, file.size_bytes):
                found.append((file, kind))
    if found:
        mark_unsafe_files(registry.database, found)
