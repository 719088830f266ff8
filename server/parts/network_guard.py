"""Protect against server-side request forgery: connect only to public IP addresses for URLs that others choose.

The host is resolved once, all its addresses must be public, and the caller connects to one of exactly these addresses. So changing
the address of the name afterwards (DNS rebinding) has no effect.
"""

from __future__ import annotations

import ipaddress
import socket

_CLOUD_SERVICES = tuple(map(ipaddress.IPv4Network, ("168.63.129.16/32", "192.0.0.0/24")))
"""Metadata services of Azure and Oracle, which `ipaddress` counts as public. Those of other clouds are private addresses."""
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All IPv6 addresses routed on the internet. The rest is local, reserved or maps to IPv4. Teredo addresses are in this network,
but not global for `ipaddress`."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""NAT64: translated to the IPv4 address in the last 32 bits."""


class NotPublic(Exception):
    """A host has internal addresses. The message does not reveal them."""

    def __init__(self, host: str, private: int, total: int) -> None:
        super().__init__(f"`{host}` resolves to internal addresses ({private} of {total})")


def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host without duplicates. Raises OSError for an unknown name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def resolve_public(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, all of them public. Raises NotPublic if one is not, OSError for an unknown name."""
    addresses = resolve(host, port)
    private = [each for each in addresses if not is_public(each)]
    if private:
        raise NotPublic(host, len(private), len(addresses))
    return addresses


def is_public(address: str) -> bool:
    """Return whether an IP address is public, also when it is an IPv4 address embedded in IPv6."""
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
