"""Find the caller of a request by token or session, and check their permissions."""

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
from server.auth.browser_session import browser_session_of, client_address

WRONG_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105 - clients compare this text
"""Hugging Face's own message, by which clients recognise that the token is the problem and not the repository."""


def caller_of(request: Request, hub: LocalHub) -> Caller:
    """Return the caller, looked up once per request; ANONYMOUS without token and session. Raises Unauthenticated for an invalid token."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        secret = secret_of(request.headers.get("authorization", ""))
        known = _browser_caller(request, hub) if secret is None else hub.tokens.caller(secret)
        if known is None:
            raise Unauthenticated(WRONG_TOKEN)
        request.state.caller = known
    return known


def actor_of(request: Request, caller: Caller) -> Actor:
    """Return the caller as recorded in the audit log, with the client's address."""
    return replace(caller.actor, address=client_address(request))


def account_of(caller: Caller) -> Account:
    """Return the caller's account. Raises Unauthenticated without one."""
    if caller.account is None:
        raise Unauthenticated("Not logged in. Set HF_TOKEN or run `hf auth login`.")
    return caller.account


def require_write(caller: Caller, name: ArtifactName) -> Account:
    """Raise Unauthenticated or Forbidden unless the caller has write access to `name`."""
    return _require(caller, name, caller.may_write(name), "write to")


def require_admin(caller: Caller, name: ArtifactName) -> Account:
    """Raise Unauthenticated or Forbidden unless the caller can delete, move and configure `name`."""
    return _require(caller, name, caller.may_administer(name), "administer")


def require_scoring(caller: Caller, artifact: Artifact) -> Account:
    """Raise Unauthenticated or Forbidden unless the caller can publish or dispute scores of `artifact`."""
    return _require(caller, artifact.name, caller.may_publish_scores_of(artifact), "publish scores of")


def require_create(caller: Caller, name: ArtifactName) -> Account:
    """Raise Unauthenticated or Forbidden unless the caller can create `name`."""
    return _require(caller, name, caller.may_create(name), "create")


def require_acting(caller: Caller, name: ArtifactName, what: str) -> Account:
    """Raise Unauthenticated or Forbidden unless the caller can do `what`, such as like `name`, as the account."""
    return _require(caller, name, caller.may_act, what)


def require_listing(caller: Caller, owner: str) -> Account:
    """Raise Unauthenticated or Forbidden unless the caller can list everything that `owner` has."""
    return _require(caller, owner, caller.may_list(owner), "list the repositories of")


def _require(caller: Caller, name: ArtifactName | str, allowed: bool, what: str) -> Account:
    account = account_of(caller)
    if not allowed:
        token = caller.token
        kind = f" with this token, whose role is `{token.role}`" if token and token.role != "write" else ""
        narrow = f" with this token, which is limited to `{token.artifact}`" if token and token.artifact else ""
        raise Forbidden(f"`{account.name}` doesn't have permission to {what} `{name}`{kind or narrow}.")
    return account


def _browser_caller(request: Request, hub: LocalHub) -> Caller:
    """Return the caller of a browser session. A cookie only authorizes reading; changes need a form or a `PageCall` of `csrf_forms`."""
    session = browser_session_of(request, hub) if request.method in {"GET", "HEAD"} else None
    return session.caller if session else ANONYMOUS


def secret_of(header: str) -> str | None:
    """Return the token of `Bearer TOKEN`, or of `Basic`, in which git sends it as the password; None without a header.

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
