"""Check the URLs of webhooks, so that users cannot make the server send requests into its internal network.

Addresses are checked by `server.parts.network_guard`; administrators can allow internal hosts by name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub.errors import InvalidRequest
from server.parts.network_guard import NotPublic, is_public, resolve, resolve_public

MAX_URL = 2000
_PORTS = {"https": 443, "http": 80}


class Refused(Exception):
    """The destination is not allowed, so retrying is useless."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A parsed URL that has passed all checks except for those of its IP addresses."""

    is_secure: bool
    host: str
    port: int
    target: str
    """Path and query."""
    is_trusted: bool
    """Whether an administrator has allowed this host."""

    @property
    def authority(self) -> str:
        """Value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.is_secure else "http"] else f"{host}:{self.port}"


def read_destination(url: str, trusted: Collection[str]) -> Destination:
    """Parse the URL of a webhook. Raises InvalidRequest for a URL that is not allowed."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidRequest(f"{url[:100]!r} is not a valid URL: {error}.") from error
    host = (parts.hostname or "").rstrip(".").lower()
    is_trusted = host in trusted
    if len(url) > MAX_URL or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidRequest(f"{url[:100]!r} is not a valid URL: use https://HOST/PATH.")
    if parts.username is not None or parts.fragment:
        raise InvalidRequest(
            "the URL of a webhook cannot contain a password or fragment: use the webhook's secret instead."
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and is_trusted):
        raise InvalidRequest(
            f"{url[:100]!r} does not start with https://: http:// needs a host that an administrator has allowed with "
            "`hub admin webhook allow HOST`."
        )
    chosen = port or _PORTS[parts.scheme]
    if not is_trusted and chosen < 1024 and chosen not in _PORTS.values():
        raise InvalidRequest(f"port {chosen} is not allowed: use 443 or a port above 1023.")
    if not is_trusted and (host == "localhost" or _is_literal(host)) and not (_is_literal(host) and is_public(host)):
        raise InvalidRequest(
            f"`{host}` is an internal host: an administrator can allow it with `hub admin webhook allow {host}`."
        )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(parts.scheme == "https", host, chosen, target, is_trusted)


def addresses_of(destination: Destination) -> list[str]:
    """Resolve the host once and return its IP addresses, all of which are allowed.

    Raises Refused if an address is not public, OSError for an unknown host.
    """
    try:
        return (resolve if destination.is_trusted else resolve_public)(destination.host, destination.port)
    except NotPublic as error:
        raise Refused(f"{error}: an administrator can allow it by name.") from error


def _is_literal(host: str) -> bool:
    """Return whether a host is an IP address, in any notation that the resolver accepts: `127.1`, `0x7f000001`."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return all(part.isdigit() or part.startswith("0x") for part in host.split("."))
    return True
