"""Browsers that log in."""

from tests.builders.server.people import browse

__all__ = ["browse"]
