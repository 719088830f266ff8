"""Delete unreferenced blobs.

Files and manifests of all revisions are referenced. Other blobs are deleted only after a grace period, because a push stores blobs
before it references them. `put` resets the age of a blob, so it is safe to publish bytes that the store already has.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import DamagedBlob, InvalidRequest, Unknown
from hub.names import Digest
from hub.registry.registry import Registry
from hub.store import BlobStore

GRACE_DAYS = 30.0
"""How long unreferenced blobs are kept after they were last put. Clients cache what they have uploaded for four weeks."""
MIN_DAYS = 1.0
"""Minimum grace period. A push must finish within it, and none takes a day."""
DAY_S = 86_400.0
BATCH = 100
"""Number of blobs that are deleted while writers wait."""


@dataclass(frozen=True, slots=True)
class UnreferencedBlob:
    """A blob that nothing references."""

    digest: Digest
    size_bytes: int
    age_days: float


def unreferenced_blobs(registry: Registry, store: BlobStore, days: float = GRACE_DAYS) -> list[UnreferencedBlob]:
    """Return the unreferenced blobs that were last put at least `days` ago, oldest first, without deleting them.

    Raises InvalidRequest for a grace period below a day, and if the store belongs to another or a deleted registry, whose blobs
    would all seem unreferenced.
    """
    if days < MIN_DAYS:
        raise InvalidRequest(
            f"a grace period of {days:g} days is too short, pushes may take longer: use at least {MIN_DAYS:g}."
        )
    known = set(registry.names())
    unknown = [name for name, _ in store.references() if name not in known]
    if unknown:
        raise InvalidRequest(
            f"the store contains `{unknown[0]}`{f' and {len(unknown) - 1} more' if unknown[1:] else ''}, which this registry does "
            "not know: run `hub index`, or check DATABASE_URL and STORE_URL."
        )
    referenced = registry.referenced_blobs() | store.needed_blobs()
    found = [
        blob for digest in store.digests() if digest not in referenced and (blob := _find_old(store, digest, days))
    ]
    return sorted(found, key=lambda each: (-each.age_days, each.digest))


def collect(
    registry: Registry, store: BlobStore, found: list[UnreferencedBlob], days: float = GRACE_DAYS
) -> list[UnreferencedBlob]:
    """Delete the blobs in `found`, except those that were referenced or put again since. Return the deleted ones.

    Writers of the registry wait for each batch, so none can reference a blob while it is deleted.
    """
    removed: list[UnreferencedBlob] = []
    needed = store.needed_blobs()  # Composing a blob later resets the age of the blobs that it needs.
    for start in range(0, len(found), BATCH):
        with registry.database.transaction():
            referenced = registry.referenced_blobs() | needed
            removed += [
                blob
                for blob in found[start : start + BATCH]
                if blob.digest not in referenced and store.delete_unused(blob.digest, days * DAY_S)
            ]
    referenced = registry.referenced_blobs() | store.needed_blobs()
    for digest in list(store.quarantined()):
        if digest not in referenced:
            store.delete(digest)  # No revision refers to these damaged bytes.
    return removed


def _find_old(store: BlobStore, digest: Digest, days: float) -> UnreferencedBlob | None:
    try:
        age_days = store.age_s(digest) / DAY_S
        return UnreferencedBlob(digest, store.stored_size(digest), age_days) if age_days >= days else None
    except (Unknown, DamagedBlob):
        return None  # Another process has deleted it.
