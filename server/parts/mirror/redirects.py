"""Check redirects of the upstream: the mirror only sends requests to its upstream and to public addresses.

The upstream chooses the targets of its redirects. Without this check it could make the server send requests into its internal network.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from hub.errors import InvalidUpstreamResponse
from server.parts.network_guard import NotPublic, resolve_public

_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL. Raises InvalidUpstreamResponse for anything but an HTTP URL."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError) as error:
        raise InvalidUpstreamResponse(
            "the upstream redirects to an address that is not an HTTP URL: nothing was fetched."
        ) from error
    if not parts.hostname:
        raise InvalidUpstreamResponse("the upstream redirects to a URL without a host: nothing was fetched.")
    return parts.scheme, parts.hostname, port


def checked_addresses(url: str, upstream: str) -> list[str]:
    """Return the public IP addresses to connect to for `url`; an empty list for the upstream itself, which can be internal.

    Raises InvalidUpstreamResponse if the host is unknown or one of its addresses is not public.
    """
    _, host, port = found = origin(url)
    if found == origin(upstream):
        return []
    try:
        return resolve_public(host, port)
    except NotPublic as error:
        raise InvalidUpstreamResponse(
            f"the upstream redirects to {host}, whose address is not public: nothing was fetched."
        ) from error
    except OSError as error:
        raise InvalidUpstreamResponse(f"the upstream redirects to {host}, an unknown host.") from error
