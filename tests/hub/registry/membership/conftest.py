"""A hub with users."""

from tests.builders.server.people import furnished, hub

__all__ = ["furnished", "hub"]
