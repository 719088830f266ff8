"""Who asks: the token of a request, and what it allows. Found once a request."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from fastapi import Request

from hub.errors import Forbidden, Unauthenticated
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.records import Artifact
from hub.registry.accounts.permissions import NOBODY, Account, Actor, Caller
from server.auth.browser_session import address_of, visit_of

WRONG_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105 - the client compares this text
"""Hugging Face's own words: clients tell by them that the repository is not to blame."""


def caller_of(request: Request, hub: LocalHub) -> Caller:
    """The one who asks; NOBODY without a token or a session. Raises Unauthenticated for a token that is none."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        secret = secret_of(request.headers.get("authorization", ""))
        known = _visitor(request, hub) if secret is None else hub.tokens.caller(secret)
        if known is None:
            raise Unauthenticated(WRONG_TOKEN)
        request.state.caller = known
    return known


def actor_of(request: Request, caller: Caller) -> Actor:
    """For the audit log, with the address of the client."""
    return replace(caller.actor, address=address_of(request))


def account_of(caller: Caller) -> Account:
    """The account of the one who asks. Raises Unauthenticated for nobody."""
    if caller.account is None:
        raise Unauthenticated("Log in first: send a token, as `hf auth login` does.")
    return caller.account


def require_write(caller: Caller, name: ArtifactName) -> Account:
    """Raises Unauthenticated or Forbidden unless the caller may commit to `name`."""
    return _insist(caller, name, caller.may_write(name), "write to")


def require_admin(caller: Caller, name: ArtifactName) -> Account:
    """Raises Unauthenticated or Forbidden unless the caller may delete, move and open or close `name`."""
    return _insist(caller, name, caller.may_administer(name), "administer")


def insist_on_speaking(caller: Caller, artifact: Artifact) -> Account:
    """Raises Unauthenticated or Forbidden unless the caller may publish a score of `artifact`, or doubt one."""
    return _insist(caller, artifact.name, caller.may_speak_of(artifact), "publish scores of")


def insist_on_creating(caller: Caller, name: ArtifactName) -> Account:
    """Raises Unauthenticated or Forbidden unless the caller may make `name`."""
    return _insist(caller, name, caller.may_create(name), "create")


def _insist(caller: Caller, name: ArtifactName, allowed: bool, what: str) -> Account:
    account = account_of(caller)
    if not allowed:
        token = caller.token
        kind = f" with this token, whose role is `{token.role}`" if token and token.role != "write" else ""
        narrow = f" with this token, which is for `{token.artifact}` alone" if token and token.artifact else ""
        raise Forbidden(f"`{account.name}` may not {what} `{name}`{kind or narrow}.")
    return account


def _visitor(request: Request, hub: LocalHub) -> Caller:
    """Who is logged in with this browser. A cookie is enough to read; what changes something is a form, `server.auth.csrf_forms`."""
    visit = visit_of(request, hub) if request.method in {"GET", "HEAD"} else None
    return visit.caller if visit else NOBODY


def secret_of(header: str) -> str | None:
    """The token of `Bearer TOKEN`, or of `Basic`, where git sends it as the password; None without a header.

    Raises Unauthenticated for anything else.
    """
    if not header:
        return None
    scheme, _, given = header.partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return given.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            pass
    raise Unauthenticated(WRONG_TOKEN)
