"""The caller of a request: its token or session, and what that allows. Looked up once a request."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace

from fastapi import Request

from hub.errors import Forbidden, Unauthenticated
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.records import Artifact
from hub.registry.accounts.permissions import ANONYMOUS, Account, Actor, Caller
from server.auth.browser_session import address_of, visit_of

WRONG_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105 - the client compares this text
"""Hugging Face's own message: clients tell by it that the token, not the repository, is the problem."""


def caller_of(request: Request, hub: LocalHub) -> Caller:
    """Return the caller; NOBODY without a token or a session. Raises Unauthenticated for an invalid token."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        secret = secret_of(request.headers.get("authorization", ""))
        known = _visitor(request, hub) if secret is None else hub.tokens.caller(secret)
        if known is None:
            raise Unauthenticated(WRONG_TOKEN)
        request.state.caller = known
    return known


def actor_of(request: Request, caller: Caller) -> Actor:
    """Return the caller as the audit log names them, with the client's address."""
    return replace(caller.actor, address=address_of(request))


def account_of(caller: Caller) -> Account:
    """Return the caller's account. Raises Unauthenticated without one."""
    if caller.account is None:
        raise Unauthenticated("Not logged in. Set HF_TOKEN or run `hf auth login`.")
    return caller.account


def require_write(caller: Caller, name: ArtifactName) -> Account:
    """Raise Unauthenticated or Forbidden unless the caller may commit to `name`."""
    return _require(caller, name, caller.may_write(name), "write to")


def require_admin(caller: Caller, name: ArtifactName) -> Account:
    """Raise Unauthenticated or Forbidden unless the caller may delete `name`, move it and change its settings."""
    return _require(caller, name, caller.may_administer(name), "administer")


def require_scoring(caller: Caller, artifact: Artifact) -> Account:
    """Raise Unauthenticated or Forbidden unless the caller may publish or dispute scores of `artifact`."""
    return _require(caller, artifact.name, caller.may_publish_scores_of(artifact), "publish scores of")


def require_create(caller: Caller, name: ArtifactName) -> Account:
    """Raise Unauthenticated or Forbidden unless the caller may create `name`."""
    return _require(caller, name, caller.may_create(name), "create")


def _require(caller: Caller, name: ArtifactName, allowed: bool, what: str) -> Account:
    account = account_of(caller)
    if not allowed:
        token = caller.token
        kind = f" with this token, whose role is `{token.role}`" if token and token.role != "write" else ""
        narrow = f" with this token, which is limited to `{token.artifact}`" if token and token.artifact else ""
        raise Forbidden(f"`{account.name}` doesn't have permission to {what} `{name}`{kind or narrow}.")
    return account


def _visitor(request: Request, hub: LocalHub) -> Caller:
    """Return the caller of a browser session. A cookie is enough for reading only; changes need a form of `csrf_forms`."""
    visit = visit_of(request, hub) if request.method in {"GET", "HEAD"} else None
    return visit.caller if visit else ANONYMOUS


def secret_of(header: str) -> str | None:
    """Return the token of `Bearer TOKEN`, or of `Basic`, where git sends it as the password; None without a header.

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
