"""Does the store hold what the registry says? Every blob is read again and compared with its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hub.errors import Unknown
from hub.names import Digest
from hub.registry.outbox.queue import WRITE_REFERENCE
from hub.registry.registry import Registry
from hub.store import BlobStore

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that `hub verify` found."""

    text: str
    is_fault: bool
    """A fault loses content; a note is left-over work that does no harm."""
    digest: Digest | None = None
    """The blob that is lost or damaged."""


def verify(registry: Registry, store: BlobStore) -> list[Problem]:
    """Every disagreement between registry and store, faults first; empty when all is well. Reads all bytes."""
    revisions = registry.revision_names()
    wanted = {**registry.blobs(), **dict.fromkeys(revisions)}
    problems = [
        Problem(
            f"{problem}; named by {_whose(registry, digest, revisions)}. "
            "Mend it with `hub verify --repair`, or push or pull it again.",
            is_fault=True,
            digest=digest,
        )
        for digest, size in sorted(wanted.items())
        if (problem := _fault(store, digest, size))
    ]
    unreferenced_blobs = [digest for digest in store.digests() if digest not in wanted]
    if unreferenced_blobs:
        problems.append(
            Problem(
                f"{len(unreferenced_blobs)} blobs belong to no revision, {unreferenced_blobs[0].hex[:12]} among them: look with `hub gc`.",
                is_fault=False,
            )
        )
    if unfinished := store.unfinished():
        problems.append(Problem(f"{len(unfinished)} unfinished writes wait to be swept.", is_fault=False))
    if jobs := [job for job in registry.jobs() if job.task == WRITE_REFERENCE]:
        problems.append(Problem(f"{len(jobs)} references are not written yet: run `hub index`.", is_fault=False))
    return problems


def _fault(store: BlobStore, digest: Digest, size_bytes: int | None) -> str | None:
    hashed, size_found = hashlib.sha256(), 0
    try:
        with store.open(digest) as opened:
            while chunk := opened.read(CHUNK_BYTES):
                hashed.update(chunk)
                size_found += len(chunk)
    except Unknown:
        return f"blob {digest} is missing from the store"
    if hashed.hexdigest() != digest.hex:
        return f"blob {digest} holds other bytes ({size_found}, should be {size_bytes or 'a manifest'})"
    return None


def _whose(registry: Registry, digest: Digest, revisions: dict[Digest, str]) -> str:
    return revisions.get(digest) or ", ".join(registry.files_with(digest))
