"""Check that the registry and the store agree, and that every byte is what its digest says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from hub.errors import UnknownFile
from hub.names import ArtifactName, Digest
from hub.registry import Registry
from hub.store import BlobStore


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was looked at and what was found."""

    blobs: int
    """Named by revisions, and read from beginning to end."""
    size_bytes: int
    faults: tuple[str, ...]
    """One sentence each; empty when all is well."""
    unnamed: tuple[Digest, ...]
    """Blobs that no revision names: what a push that was interrupted leaves. Harmless."""


def verify(registry: Registry, store: BlobStore) -> VerifyReport:
    """Read every blob that a revision names. Nothing is changed."""
    users = dict(_users(registry))
    expected = registry.blobs()
    faults: list[str] = []
    size_bytes = 0
    for digest, user in users.items():
        try:
            found, length = _digest_of(store, digest)
        except UnknownFile:
            faults.append(f"{user} has lost {digest.hex[:12]}: push or pull it again")
            continue
        size_bytes += length
        if found != digest:
            faults.append(f"{user} has a damaged {digest.hex[:12]}: its bytes have the digest {found.hex[:12]}")
        elif expected.get(digest, length) != length:
            faults.append(f"{user} has {digest.hex[:12]} with {expected[digest]} bytes in the registry and {length} in the store")
    unnamed = tuple(sorted(set(store.digests()) - users.keys()))
    return VerifyReport(len(users), size_bytes, tuple(faults), unnamed)


def prune(report: VerifyReport, store: BlobStore) -> int:
    """Delete what no revision names; how many things went. Not while somebody pushes: blobs come before their row."""
    for digest in report.unnamed:
        store.delete(digest)
    return len(report.unnamed) + len(store.sweep())


def _users(registry: Registry) -> Iterator[tuple[Digest, str]]:
    """Every blob that must be there, and a file that needs it. A revision's manifest is one of them."""
    for each in registry.names():
        name = ArtifactName.parse(each, registry.owner)
        for revision in registry.revisions(name):
            yield Digest(revision.id), f"the manifest of {name} revision {revision.number}"
            for file in revision.files:
                yield file.digest, f"{file.path} of {name} revision {revision.number}"


def _digest_of(store: BlobStore, digest: Digest) -> tuple[Digest, int]:
    hashed, length = hashlib.sha256(), 0
    with store.open(digest) as file:
        while part := file.read(1 << 20):
            hashed.update(part)
            length += len(part)
    return Digest(hashed.hexdigest()), length
