"""Where a webhook may send to. A server that fetches what strangers name must not reach its own network for them.

The host is resolved once, every address that it has must be public, and the connection goes to one of these very addresses: a name
that means something else a moment later leads nowhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from hub.errors import WrongRequest
from server.parts.network_guard import NotPublic, is_public, resolve, resolve_public

LONGEST_URL = 2000
_PORTS = {"https": 443, "http": 80}


class Refused(Exception):
    """Nothing may be sent there, however often it is tried."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL, taken apart and allowed as far as can be said without asking for its addresses."""

    is_secure: bool
    host: str
    port: int
    target: str
    """Path and query."""
    is_trusted: bool
    """The administrator has listed this host."""

    @property
    def authority(self) -> str:
        """For the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.is_secure else "http"] else f"{host}:{self.port}"


def read_destination(url: str, trusted: Collection[str]) -> Destination:
    """Take a URL apart. Raises WrongRequest for one that no webhook may have."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise WrongRequest(f"{url[:100]!r} is no URL: {error}.") from error
    host = (parts.hostname or "").rstrip(".").lower()
    is_trusted = host in trusted
    if len(url) > LONGEST_URL or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise WrongRequest(f"{url[:100]!r} is no URL that can be sent to: give https://HOST/PATH.")
    if parts.username is not None or parts.fragment:
        raise WrongRequest("the URL of a webhook holds no password and no fragment: use its secret instead.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_trusted):
        raise WrongRequest(
            f"{url[:100]!r} does not begin with https://: other ways are for hosts that an administrator allows, "
            "with `hub admin webhook allow HOST`."
        )
    chosen = port or _PORTS[parts.scheme]
    if not is_trusted and chosen < 1024 and chosen not in _PORTS.values():
        raise WrongRequest(f"port {chosen} is no web server's: use 443, or one above 1023.")
    if not is_trusted and (host == "localhost" or _is_literal(host)) and not (_is_literal(host) and is_public(host)):
        raise WrongRequest(
            f"`{host}` is inside a network: an administrator may allow it with `hub admin webhook allow {host}`."
        )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(parts.scheme == "https", host, chosen, target, is_trusted)


def addresses_of(destination: Destination) -> list[str]:
    """The IP addresses of the host, all of them allowed. Asks once.

    Raises Refused when one is not public, OSError when the name is not known.
    """
    try:
        return (resolve if destination.is_trusted else resolve_public)(destination.host, destination.port)
    except NotPublic as error:
        raise Refused(f"{error}: an administrator may allow it by name.") from error


def _is_literal(host: str) -> bool:
    """Whether a host is an address itself, in any spelling that the system's resolver takes for one: `127.1`, `0x7f000001`."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return all(part.isdigit() or part.startswith("0x") for part in host.split("."))
    return True
