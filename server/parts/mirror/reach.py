"""Where a mirror may go: to its upstream, and from there to public addresses alone.

An upstream chooses what its redirects name. Without this rule it could make this server fetch from its own network.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from hub.errors import UpstreamWrong
from server.parts.network_guard import NotPublic, resolve_public

_PORTS = {"http": 80, "https": 443}


def origin(address: str) -> tuple[str, str, int]:
    """Scheme, host and port. Raises UpstreamWrong for anything but an http address."""
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError) as error:
        raise UpstreamWrong("the upstream leads to something that is no http address: nothing was fetched.") from error
    if not parts.hostname:
        raise UpstreamWrong("the upstream leads to an address without a host: nothing was fetched.")
    return parts.scheme, parts.hostname, port


def addresses_of(address: str, upstream: str) -> list[str]:
    """The IP addresses to connect to for `address`, every one public; none for the upstream's own, which may be anywhere.

    Raises UpstreamWrong when one of the host's addresses is inside a network, or it has none.
    """
    _, host, port = found = origin(address)
    if found == origin(upstream):
        return []
    try:
        return resolve_public(host, port)
    except NotPublic as error:
        raise UpstreamWrong(
            f"the upstream leads to {host}, an address that is not public: nothing was fetched."
        ) from error
    except OSError as error:
        raise UpstreamWrong(f"the upstream leads to {host}, which has no address.") from error
