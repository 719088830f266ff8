"""Tokens: made here, shown once, known by their SHA-256 afterwards.

A token is 256 random bits: nobody can guess it, so a slow hash would protect nothing and cost every request.
"""

# ruff: noqa: S608 - only constants are put into SQL here.
from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hub.accounts import TOKEN_ROLES, USER, Account, Actor, Caller, Token
from hub.errors import UnknownToken, WrongRequest
from hub.names import ArtifactName
from hub.registry.accounts import account_of, roles_of
from hub.registry.audit import note
from hub.registry.rows import as_kept, moment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database import Database
    from hub.registry.people import TokenRow

PREFIX = "lh_"
"""Lets people and secret scanners see what it is."""
NOTED_EVERY = timedelta(minutes=10)
"""How exactly the last use of a token is known: a request in ten minutes writes, not each."""
LONGEST_LABEL = 200
"""Characters of a token's name."""
_ASKED = (
    "SELECT tokens.id AS token_id, tokens.name AS token_name, role, artifact, tokens.created_at AS token_created_at, "
    "last_used_at, expires_at, revoked_at, accounts.* FROM tokens JOIN accounts ON accounts.id = account_id"
)
_LIVES = "revoked_at IS NULL AND removed_at IS NULL AND (expires_at IS NULL OR expires_at > :now)"


class Tokens:
    """What stands for accounts in programs."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(
        self,
        account: Account,
        role: str,
        actor: Actor,
        *,
        name: str = "",
        artifact: str = "",
        lasts: timedelta | None = None,
    ) -> str:
        """The secret of a new token; it cannot be read again. It ends after `lasts`, or never."""
        key = ArtifactName.parse(artifact, account.name).key if artifact else ""
        secret = new_secret()
        label = name or f"{role}{f' {artifact}' if artifact else ''}"
        with self.database.transaction() as session:
            add_token(session, account, secret, actor, role=role, label=label, artifact=key, lasts=lasts)
        return secret

    def caller(self, secret: str) -> Caller | None:
        """Who presents this secret; None when it is none, has ended, or was revoked."""
        if not secret.startswith(PREFIX):
            return None
        values = {"sha256": sha256_of(secret), "now": as_kept(datetime.now(UTC))}
        rows = self.database.rows(f"{_ASKED} WHERE sha256 = :sha256 AND {_LIVES}", values)
        if not rows:
            # A program that has not read its renewed token yet goes on with the one before.
            renewed = "tokens.id IN (SELECT token_id FROM renewals WHERE former_token_sha256 = :sha256 AND former_token_expires_at > :now)"
            rows = self.database.rows(f"{_ASKED} WHERE {renewed} AND {_LIVES}", values)
        if not rows:
            return None
        row = rows[0]
        token = _token(row, prefix="token_")
        account = account_of(row)
        self._note_use(token)
        return Caller(account=account, token=token, roles=roles_of(self.database, account))

    def of(self, account: Account) -> list[Token]:
        """Tokens of an account, newest first, revoked ones included."""
        rows = self.database.rows("SELECT * FROM tokens WHERE account_id = :id ORDER BY id DESC", {"id": account.id})
        return [_token(row) for row in rows]

    def revoke(self, account: Account, token_id: int, actor: Actor) -> Token:
        """Make a token worthless, for ever. Raises UnknownToken when the account has no such token."""
        from hub.registry.people import TokenRow
        from hub.registry.writing import now

        found = next((each for each in self.of(account) if each.id == token_id), None)
        if found is None:
            raise UnknownToken(str(token_id), listing=f"hub admin token list {account.name}")
        with self.database.transaction() as session:
            session.get_one(TokenRow, token_id).revoked_at = now()
            note(session, actor, "token.revoke", account.name, token=found.name)
        return found

    def _note_use(self, token: Token) -> None:
        moment_now = datetime.now(UTC)
        if token.last_used_at is None or moment_now - token.last_used_at > NOTED_EVERY:
            self.database.execute(
                "UPDATE tokens SET last_used_at = :now WHERE id = :id",
                {"now": as_kept(moment_now), "id": token.id},
            )


def add_token(
    session: Session,
    account: Account,
    secret: str,
    actor: Actor,
    *,
    role: str,
    label: str,
    artifact: str = "",
    lasts: timedelta | None = None,
) -> TokenRow:
    """A new token inside a transaction. Raises WrongRequest for a role that is none, or for an account that has no programs."""
    from hub.registry.people import TokenRow
    from hub.registry.writing import now

    if role not in TOKEN_ROLES:
        raise WrongRequest(f"{role!r} is no role of a token: choose one of {', '.join(TOKEN_ROLES)}.")
    if account.removed_at is not None or account.kind != USER:
        why = "was removed" if account.removed_at else "is an organisation, whose members have tokens"
        raise WrongRequest(f"`{account.name}` {why}: choose a user of `hub admin user list`.")
    if len(label) > LONGEST_LABEL or not label.isprintable():
        raise WrongRequest(f"a token's name has at most {LONGEST_LABEL} characters, on one line.")
    row = TokenRow(
        account_id=account.id, sha256=sha256_of(secret), name=label, role=role, artifact=artifact, created_at=now(),
        expires_at=now() + lasts if lasts else None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    note(session, actor, "token.create", account.name, token=label, role=role, artifact=artifact)
    return row


def token_numbered(database: Database, token_id: int) -> Token | None:
    """A token by its number; None for one that is worth nothing any more."""
    rows = database.rows(
        f"SELECT tokens.* FROM tokens JOIN accounts ON accounts.id = account_id WHERE tokens.id = :id AND {_LIVES}",
        {"id": token_id, "now": as_kept(datetime.now(UTC))},
    )
    return _token(rows[0]) if rows else None


def new_secret(prefix: str = PREFIX) -> str:
    """256 random bits that say what they are."""
    return prefix + secrets.token_urlsafe(32)


def sha256_of(secret: str) -> str:
    """What is kept of a secret that nobody can guess."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _token(row: Any, prefix: str = "") -> Token:
    created_at = moment(row[f"{prefix}created_at"])
    assert created_at is not None, "every token has a day"
    return Token(
        id=row[f"{prefix}id"],
        name=row[f"{prefix}name"],
        role=row["role"],
        artifact=row["artifact"],
        created_at=created_at,
        last_used_at=moment(row["last_used_at"]) if row["last_used_at"] else None,
        revoked_at=moment(row["revoked_at"]) if row["revoked_at"] else None,
        expires_at=moment(row["expires_at"]) if row["expires_at"] else None,
    )
