"""Say whether an upstream repository can be fetched, before libraries that take seconds to import."""

from __future__ import annotations

import socket
import urllib.request
from urllib.parse import urlsplit

from hub.errors import Unreachable
from hub.records import Upstream
from hub.remote.hf_cache import cached, unfinished
from hub.weights.sizes import gigabytes

TIMEOUT_S = 10.0
"""Connection timeout in seconds."""


def check_reachable(upstream: Upstream, *, what: str) -> None:
    """Raise Unreachable if nothing of a repository is in Hugging Face's cache and the hub cannot be reached."""
    if not cached(upstream.repository, upstream.revision) and not is_online():
        raise unreachable(what, upstream.repository)


def is_online() -> bool:
    """Return whether the hub can be reached. Without this check huggingface_hub would retry for half a minute."""
    from huggingface_hub import constants

    address = urlsplit(constants.ENDPOINT)
    if constants.HF_HUB_OFFLINE:
        return False
    if address.scheme in urllib.request.getproxies() or address.hostname is None:
        return True
    try:
        socket.create_connection(
            (address.hostname, address.port or (80 if address.scheme == "http" else 443)), timeout=TIMEOUT_S
        ).close()
    except OSError:
        return False
    return True


def unreachable(what: str, repository: str, error: Exception | None = None) -> Unreachable:
    """Return the error about a repository that could not be fetched. `error`: why, if the hub answered."""
    pull = f"hf download {repository}" if what == repository else f"hub pull {what}"
    partial = sum(path.stat().st_size for path in unfinished(repository))
    part = f" ({gigabytes(partial)} of an interrupted download are cached)" if partial else ""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return Unreachable(
            f"`{what}` is gated: accept its terms at {constants.ENDPOINT}/{repository}, then `hf auth login`, then "
            f"`{pull}`."
        )
    if isinstance(error, RepositoryNotFoundError):
        return Unreachable(
            f"`{what}` is upstream in {repository}, which no longer exists or is private: see `hub show {what}`."
        )
    if error is None or isinstance(error, LocalEntryNotFoundError) or not is_online():
        return Unreachable(
            f"`{what}` is not on this machine{part}: {repository} is not in {constants.HF_HUB_CACHE}, and "
            f"{constants.ENDPOINT} {'is disabled by HF_HUB_OFFLINE' if constants.HF_HUB_OFFLINE else 'does not respond'}. "
            f"Fetch it with a network connection: `{pull}`."
        )
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    return Unreachable(
        f"`{what}` is upstream in {repository}, which cannot be fetched{part}: {reason}. Resume with `{pull}`."
    )
