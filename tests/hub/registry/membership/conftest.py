"""A hub with users."""

from tests.builders.server.people import hub

__all__ = ["hub"]
