"""Where a mirror may go: to its upstream, and from there to public addresses alone.

An upstream chooses what its redirects name. Without this rule it could make this server fetch from its own network.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from hub.errors import UpstreamWrong

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


def insist_on_reach(address: str, upstream: str) -> None:
    """Raises UpstreamWrong unless `address` is the upstream's own, or every address of its host is public."""
    _, host, port = found = origin(address)
    if found == origin(upstream):
        return
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UpstreamWrong(f"the upstream leads to {host}, which has no address.") from error
    insist_on_public(host, [str(answer[4][0]) for answer in answers])


def insist_on_public(host: str, addresses: list[str]) -> None:
    """Raises UpstreamWrong when one of these is of a private network, this machine's or nobody's."""
    for each in addresses:
        found = ipaddress.ip_address(each.partition("%")[0])
        inner = getattr(found, "ipv4_mapped", None) or found
        if not inner.is_global or inner.is_multicast:
            raise UpstreamWrong(f"the upstream leads to {host}, an address that is not public: nothing was fetched.")
