"""A server with users, and browsers."""

from tests.builders.server.people import browse, browser, endpoint, hub, token_of

__all__ = ["browse", "browser", "endpoint", "hub", "token_of"]
