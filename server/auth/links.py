"""Links that transfer bytes for a credential without carrying it: to Git LFS, Xet and their clients.

A link names the token or the browser session, and the repository that it was made for. The permissions of both are looked up again
at every use, so that a link ends when the token is revoked or expires, the session ends, its account is removed, a role is taken
away, access to a gated repository is rejected, or the repository becomes private, is renamed or deleted. All of these answer like
an expired link.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.errors import HubError, Unauthenticated
from hub.local import LocalHub
from hub.records import Repository
from hub.registry.accounts.permissions import ANONYMOUS, Caller
from hub.registry.accounts.sessions import Sessions
from hub.registry.artifacts.access_requests import may_download
from server.http.signed_links import INVALID_LINK, claims_of, sign

LINK_SECONDS = 3600
"""Seconds for which a link is valid; a transfer that has begun may take longer."""
MAX_LINK_SECONDS = 24 * 3600
_SLOW = 1_000_000
"""Bytes per second of a slow connection, on which the last file of an upload has to wait for the others."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link in use: its caller, and the repository that it is for."""

    caller: Caller
    artifact: Repository
    claims: dict[str, Any]


def upload_seconds(size_bytes: int) -> int:
    """Return the seconds for which the links of an upload of this total size are valid."""
    return min(LINK_SECONDS + size_bytes // _SLOW, MAX_LINK_SECONDS)


def sign_link(
    hub: LocalHub, purpose: str, caller: Caller, artifact: Repository, seconds: int = LINK_SECONDS, **claims: Any
) -> str:
    """Sign `claims` for `purpose`, for as long as the caller's token or session permits this for the artifact, at most `seconds`."""
    token = caller.token.id if caller.token else 0
    means = {"token": token, **({"session": caller.session_id} if caller.session_id else {})}
    return sign(hub, purpose, seconds, **means, artifact=str(artifact.name), **claims)


def writing_link(hub: LocalHub, purpose: str, signed: str) -> Link:
    """Return a link whose caller may still write to its repository. Raises Unauthenticated."""
    link = _link(hub, purpose, signed)
    if not link.caller.may_write(link.artifact.name):
        raise Unauthenticated(INVALID_LINK)
    return link


def reading_link(hub: LocalHub, purpose: str, signed: str) -> Link:
    """Return a link whose caller may still download from its repository. Raises Unauthenticated."""
    link = _link(hub, purpose, signed)
    if not may_download(hub.registry.database, link.caller, link.artifact):
        raise Unauthenticated(INVALID_LINK)
    return link


def _link(hub: LocalHub, purpose: str, signed: str) -> Link:
    claims = claims_of(hub, purpose, signed)
    caller = _caller_with(hub, claims)
    if caller is None:
        raise Unauthenticated(INVALID_LINK)
    try:
        return Link(caller, hub.registry.repository(claims["artifact"], caller.readers()), claims)
    except HubError as error:
        raise Unauthenticated(INVALID_LINK) from error


def _caller_with(hub: LocalHub, claims: dict[str, Any]) -> Caller | None:
    """Return the caller of the session or token in a link; None if that has ended."""
    if session_id := claims.get("session"):
        return Sessions(hub.registry.database).caller_with(session_id)
    return hub.tokens.caller_with(claims["token"]) if claims["token"] else ANONYMOUS
