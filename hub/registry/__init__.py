"""What is known: artifacts, revisions, scores. Derived, and rebuilt from cards and the store's references at any time."""

from hub.registry.labels import CURATED_OWNER
from hub.registry.outbox import Debt
from hub.registry.registry import ALL_CARDS, Registry
from hub.registry.verify import Problem, verify

__all__ = ["ALL_CARDS", "CURATED_OWNER", "Debt", "Problem", "Registry", "verify"]
