"""A server that Hugging Face's unmodified client writes to."""

from tests.builders.server.published import client, endpoint
from tests.builders.server.writers import adas, api, bobs, fetch, hub, nobodys, repo, shared, token_of

__all__ = ["adas", "api", "bobs", "client", "endpoint", "fetch", "hub", "nobodys", "repo", "shared", "token_of"]
