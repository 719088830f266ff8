"""A hub with a handful of artifacts, and the application around it."""

from tests.builders.server.published import client, endpoint, hub

__all__ = ["client", "endpoint", "hub"]
