"""Say whether registry and store respond, for load balancers and for the status page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import HubError
from hub.names import Digest
from hub.registry.outbox.queue import count_jobs

if TYPE_CHECKING:
    from hub.registry import Registry
    from hub.store import BlobStore

_EMPTY = Digest(hashlib.sha256(b"").hexdigest())
"""A blob to request, whether or not it exists."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The services that a server needs to answer requests."""

    database: bool
    store: bool
    jobs: int | None
    """Pending background jobs; None if the database does not respond."""

    @property
    def is_ready(self) -> bool:
        """Whether both respond."""
        return self.database and self.store


def readiness(registry: Registry, store: BlobStore) -> Readiness:
    """Ask the database and the store."""
    jobs = _count_jobs(registry)
    return Readiness(database=jobs is not None, store=_responds(store), jobs=jobs)


def _count_jobs(registry: Registry) -> int | None:
    try:
        return count_jobs(registry.database)
    except HubError:
        return None


def _responds(store: BlobStore) -> bool:
    try:
        store.holds(_EMPTY, 0)
    except (HubError, OSError):
        return False
    return True
