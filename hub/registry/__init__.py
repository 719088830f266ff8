"""The registry: artifacts, revisions and scores. It can always be rebuilt from the cards and the references in the store."""

from hub.registry.index.tags import CURATED_OWNER
from hub.registry.outbox.queue import Job
from hub.registry.registry import ALL_CARDS, Registry

__all__ = ["ALL_CARDS", "CURATED_OWNER", "Job", "Registry"]
