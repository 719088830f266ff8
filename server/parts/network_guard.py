"""Which addresses this server connects to for somebody else: those of the open internet alone.

A server that fetches from addresses or sends to addresses that strangers name must not reach its own network for them.
The host is resolved once, every address that it has must be public, and the caller connects to one of these very
addresses: a name that means something else a moment later leads nowhere.
"""

from __future__ import annotations

import ipaddress
import socket

_CLOUD_SERVICES = tuple(map(ipaddress.IPv4Network, ("168.63.129.16/32", "192.0.0.0/24")))
"""Public to Python's `ipaddress`, but answered inside: metadata of Azure and Oracle. Those of other clouds are private."""
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is routed on the internet. The rest is local, reserved, or stands for an IPv4 address; Teredo, which is
within, is not global to `ipaddress`."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Brought to the IPv4 address that it ends in."""


class NotPublic(Exception):
    """A host has addresses inside a network. The addresses themselves are nobody's business who asks from outside."""

    def __init__(self, host: str, private: int, total: int) -> None:
        self.host = host
        self.private = private
        """How many of its addresses are inside a network."""
        self.total = total
        super().__init__(f"`{host}` has {private} of {total} addresses inside a network")


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of a host, each once. Raises OSError when the name is not known."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def resolve_public(host: str, port: int) -> list[str]:
    """The IP addresses of a host to connect to, all of them public. Raises NotPublic when one is not, OSError."""
    addresses = resolve(host, port)
    private = [each for each in addresses if not is_public(each)]
    if private:
        raise NotPublic(host, len(private), len(addresses))
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, looked at through every disguise that leads elsewhere."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        is_inside = any(found in network for network in _CLOUD_SERVICES)
        return found.is_global and not found.is_multicast and not is_inside
    if found.ipv4_mapped is not None:
        return is_public(str(found.ipv4_mapped))
    if found in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    if found.sixtofour is not None:
        return is_public(str(found.sixtofour))
    return found in _GLOBAL_UNICAST and found.is_global
