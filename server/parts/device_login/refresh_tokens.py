"""Tokens that devices get: they end after a while, and a refresh token gets the next one.

A refresh token is used once. One that comes a second time, when the answer cannot just have been lost, was copied:
then the whole login is worth nothing any more (RFC 9700, section 4.14.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hub.registry.accounts.audit import note
from hub.registry.accounts.permissions import Account, Actor
from hub.registry.accounts.secrets import new_secret, sha256_of
from hub.registry.accounts.tokens import add_token
from hub.registry.database.clock import utc_now

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.accounts import TokenRow
    from server.parts.device_login.tables import RenewalRow

LASTS = timedelta(days=30)
"""Of a token. huggingface_hub renews one that has less than a day left."""
RENEWABLE = timedelta(days=180)
"""How long after the last renewal a refresh token still works: a machine that was off for half a year logs in again."""
LOST_ANSWER = timedelta(minutes=2)
"""Within this time the same refresh token may come again: the client has not got the answer."""
PREFIX = "lhr_"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a device keeps."""

    token: str
    refresh_token: str
    seconds: int


def give(transaction: Session, account: Account, actor: Actor, *, role: str, label: str) -> Grant:
    """A token and what renews it."""
    from server.parts.device_login.tables import RenewalRow

    grant = _new()
    row = add_token(transaction, account, grant.token, actor, role=role, label=label, lasts=LASTS)
    transaction.add(RenewalRow(token_id=row.id, sha256=sha256_of(grant.refresh_token), renewed_at=utc_now()))
    return grant


def renew(database: Database, refresh_token: str, address: str) -> Grant | None:
    """The next pair; None when the refresh token is none, too old, or was used before. The token before works until its end."""
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
        if token.revoked_at is not None or account.removed_at is not None or row.renewed_at < utc_now() - RENEWABLE:
            return None
        if row.sha256 != sha256 and row.renewed_at < utc_now() - LOST_ANSWER:
            token.revoked_at = utc_now()
            note(
                transaction,
                actor,
                "token.revoke",
                account.name,
                token=token.name,
                reason="its refresh token came twice",
            )
            return None
        grant = _new()
        _rotate(row, token, grant, utc_now())
        note(transaction, actor, "token.renew", account.name, token=token.name)
    return grant


def _rotate(row: RenewalRow, token: TokenRow, grant: Grant, now: datetime) -> None:
    token.former_sha256, token.former_expires_at = token.sha256, token.expires_at
    row.former_sha256, row.sha256, row.renewed_at = row.sha256, sha256_of(grant.refresh_token), now
    token.sha256, token.expires_at = sha256_of(grant.token), now + LASTS


def _new() -> Grant:
    return Grant(new_secret(), new_secret(PREFIX), int(LASTS.total_seconds()))
