"""A server, and Hugging Face's client with write access."""

from tests.builders.server.published import client, endpoint
from tests.builders.server.writers import api, bobs, fetch, hub, nobodys, repo, token_of

__all__ = ["api", "bobs", "client", "endpoint", "fetch", "hub", "nobodys", "repo", "token_of"]
