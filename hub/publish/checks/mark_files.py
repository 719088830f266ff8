"""Mark the files that can run code, so that pages show a badge and scanners read them."""

from __future__ import annotations

import io
from collections.abc import Iterable

from hub.cards.policy import kind_of
from hub.errors import DamagedFile, UnknownFile
from hub.records import File
from hub.registry import Registry
from hub.registry.artifacts.scans import mark_unsafe_files
from hub.store import BlobStore


def mark_files(files: Iterable[File], registry: Registry, store: BlobStore) -> None:
    """Mark pickles, archives and programs among `files`, whose blobs are in the store."""
    found = [(file, kind) for file in files if (kind := _kind(file, store))]
    if found:
        mark_unsafe_files(registry.database, found)


def _kind(file: File, store: BlobStore) -> str:
    try:
        with store.open(file.digest, file.size_bytes) as opened:
            return kind_of(file.path, opened, file.size_bytes)
    except (DamagedFile, UnknownFile):  # In an old revision; such bytes are not served, so the name has to do.
        return kind_of(file.path, io.BytesIO(), 0)
