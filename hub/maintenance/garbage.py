"""Give back the room of blobs that nothing names any more.

Marked is what any revision of any artifact needs: its files and its manifest. Everything else goes when it has not been
put for a while, because between arriving and being named a blob is named by nothing. `put` makes a blob young again, so
a publisher who finds its bytes here already is as safe as one who brings them.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import InvalidRequest, Unknown
from hub.names import Digest
from hub.registry.registry import Registry
from hub.store import BlobStore

GRACE_DAYS = 30.0
"""How long a blob is kept after it was last put. Clients remember for four weeks what they have sent."""
MIN_DAYS = 1.0
"""A push must end within its grace; a day is more than any takes."""
DAY_S = 86_400.0
BATCH = 100
"""Blobs that are removed while writers wait."""


@dataclass(frozen=True, slots=True)
class UnreferencedBlob:
    """A blob that nothing names."""

    digest: Digest
    size_bytes: int
    age_days: float


def unreferenced_blobs(registry: Registry, store: BlobStore, days: float = GRACE_DAYS) -> list[UnreferencedBlob]:
    """Blobs that nothing names and that nobody has put for so many days, oldest first. Nothing is changed.

    Raises InvalidRequest for a grace below a day, and where the store belongs to another registry or to one that was deleted:
    what its references list would seem to be named by nothing.
    """
    if days < MIN_DAYS:
        raise InvalidRequest(f"a grace of {days:g} days is too short for a push to end in: give {MIN_DAYS:g} or more.")
    known = set(registry.names())
    unknown = [name for name, _ in store.references() if name not in known]
    if unknown:
        raise InvalidRequest(
            f"the store lists `{unknown[0]}`{f' and {len(unknown) - 1} more' if unknown[1:] else ''}, which this registry does "
            "not know: run `hub index`, or look at DATABASE_URL and STORE_URL."
        )
    named = registry.named()
    found = [
        stray for digest in store.digests() if digest not in named and (stray := _unreferenced(store, digest, days))
    ]
    return sorted(found, key=lambda each: (-each.age_days, each.digest))


def collect(
    registry: Registry, store: BlobStore, found: list[UnreferencedBlob], days: float = GRACE_DAYS
) -> list[UnreferencedBlob]:
    """Remove `found`, except for what was named or put again since; what was removed.

    Writers of the registry wait for each batch, so none can name a blob while it goes.
    """
    removed: list[UnreferencedBlob] = []
    for start in range(0, len(found), BATCH):
        with registry.database.transaction():
            named = registry.named()
            removed += [
                stray
                for stray in found[start : start + BATCH]
                if stray.digest not in named and store.delete_unused(stray.digest, days * DAY_S)
            ]
    return removed


def _unreferenced(store: BlobStore, digest: Digest, days: float) -> UnreferencedBlob | None:
    try:
        age_days = store.age_s(digest) / DAY_S
        return UnreferencedBlob(digest, store.size(digest), age_days) if age_days >= days else None
    except Unknown:
        return None  # Somebody else has removed it.
