"""What is known: artifacts, revisions, scores. Derived, and rebuilt from cards and the store's references at any time."""

from hub.registry.index.tags import CURATED_OWNER
from hub.registry.outbox.queue import Job
from hub.registry.registry import ALL_CARDS, Registry

__all__ = ["ALL_CARDS", "CURATED_OWNER", "Job", "Registry"]
