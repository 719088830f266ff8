"""A hub with users, and the application around it."""

from tests.builders.server.catalogue import as_, client, hub, new_score

__all__ = ["as_", "client", "hub", "new_score"]
