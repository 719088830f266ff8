"""Network addresses that a server may or must not connect to on behalf of a user."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

INSIDE = (
    "127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200",
    "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "192.0.0.192", "198.18.0.1", "168.63.129.16",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:168.63.129.16", "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b::a83f:8110", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a00:1::1", "2002:a83f:8110::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "::7f00:1", "nonsense",
)  # fmt: skip
"""Private, local, reserved and cloud-metadata addresses, plain or encoded as another kind of address."""
OUTSIDE = ("8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1")


def resolving(*addresses: str) -> Callable[..., list[Any]]:
    """Return a `socket.getaddrinfo` that resolves every name to these addresses."""
    return lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in addresses]
