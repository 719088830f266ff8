"""Access tokens of devices, which expire, and the refresh tokens that renew them.

A refresh token can be used once. If it is used again after the grace period, it was probably stolen, so the whole login is
revoked (RFC 9700, section 4.14.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Account, Actor
from hub.registry.accounts.secrets import new_secret, sha256_of
from hub.registry.accounts.tokens import add_token
from hub.registry.database.clock import utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database

LIFETIME = timedelta(days=30)
"""Lifetime of an access token. huggingface_hub renews tokens that expire within a day."""
REFRESH_LIFETIME = timedelta(days=180)
"""Lifetime of a refresh token after the last renewal: a device that was off for half a year must log in again."""
REUSE_GRACE = timedelta(minutes=2)
"""How long a used refresh token is accepted again: the client might not have received the response."""
PREFIX = "lhr_"


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """An access token and its refresh token."""

    token: str
    refresh_token: str
    seconds: int


def issue(transaction: Session, account: Account, actor: Actor, *, role: str, label: str) -> TokenGrant:
    """Create an access token and its refresh token."""
    from server.parts.device_login.tables import RenewalRow

    grant = _new_grant()
    row = add_token(transaction, account, grant.token, actor, role=role, label=label, lifetime=LIFETIME)
    transaction.add(RenewalRow(token_id=row.id, sha256=sha256_of(grant.refresh_token), renewed_at=utc_now()))
    return grant


def renew(database: Database, refresh_token: str, address: str) -> TokenGrant | None:
    """Return a new pair of tokens; None for an invalid, expired or already used refresh token.

    The previous access token stays valid until it expires.
    """
    from sqlalchemy import select

    from hub.registry.tables.accounts import AccountRow, TokenRow
    from server.parts.device_login.tables import RenewalRow

    sha256 = sha256_of(refresh_token)
    with database.transaction() as transaction:
        either = (RenewalRow.sha256 == sha256) | (RenewalRow.former_sha256 == sha256)
        row = transaction.scalar(select(RenewalRow).where(either))
        if row is None:
            return None
        token = transaction.get_one(TokenRow, row.token_id)
        account = transaction.get_one(AccountRow, token.account_id)
        actor = Actor(account.name, token.name, address)
        if (
            token.revoked_at is not None
            or account.removed_at is not None
            or row.renewed_at < utc_now() - REFRESH_LIFETIME
        ):
            return None
        if row.sha256 != sha256 and row.renewed_at < utc_now() - REUSE_GRACE:
            token.revoked_at = utc_now()
            reason = "its refresh token was used twice"
            log_action(transaction, actor, "token.revoke", account.name, token=token.name, reason=reason)
            return None
        grant = _new_grant()
        token.former_sha256, token.former_expires_at = token.sha256, token.expires_at
        token.sha256, token.expires_at = sha256_of(grant.token), utc_now() + LIFETIME
        row.former_sha256, row.sha256, row.renewed_at = row.sha256, sha256_of(grant.refresh_token), utc_now()
        log_action(transaction, actor, "token.renew", account.name, token=token.name)
    return grant


def _new_grant() -> TokenGrant:
    return TokenGrant(new_secret(), new_secret(PREFIX), int(LIFETIME.total_seconds()))
