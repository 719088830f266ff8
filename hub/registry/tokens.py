"""Tokens: made here, shown once, known by their SHA-256 afterwards.

A token is 256 random bits: nobody can guess it, so a slow hash would protect nothing and cost every request.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hub.accounts import TOKEN_ROLES, Account, Actor, Caller, Token
from hub.errors import UnknownToken, WrongRequest
from hub.names import ArtifactName
from hub.registry.accounts import account_of
from hub.registry.audit import note
from hub.registry.rows import moment

if TYPE_CHECKING:
    from hub.registry.database import Database

PREFIX = "lh_"
"""Lets people and secret scanners see what it is."""
NOTED_EVERY = timedelta(minutes=10)
"""How exactly the last use of a token is known: a request in ten minutes writes, not each."""


class Tokens:
    """What stands for accounts in programs."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(self, account: Account, role: str, actor: Actor, *, name: str = "", artifact: str = "") -> str:
        """The secret of a new token; it cannot be read again."""
        from hub.registry.people import TokenRow
        from hub.registry.writing import now

        if role not in TOKEN_ROLES:
            raise WrongRequest(f"{role!r} is no role of a token: choose one of {', '.join(TOKEN_ROLES)}.")
        key = ArtifactName.parse(artifact, account.name).key if artifact else ""
        secret = PREFIX + secrets.token_urlsafe(32)
        label = name or f"{role}{f' {artifact}' if artifact else ''}"
        with self.database.transaction() as session:
            session.add(
                TokenRow(account_id=account.id, sha256=_sha256(secret), name=label, role=role, artifact=key, created_at=now())
            )  # fmt: skip
            note(session, actor, "token.create", account.name, token=label, role=role, artifact=key)
        return secret

    def caller(self, secret: str) -> Caller | None:
        """Who presents this secret; None when it is none, or was revoked."""
        if not secret.startswith(PREFIX):
            return None
        rows = self.database.rows(
            "SELECT tokens.id AS token_id, tokens.name AS token_name, role, artifact, tokens.created_at AS token_created_at, "
            "last_used_at, accounts.* FROM tokens JOIN accounts ON accounts.id = account_id "
            "WHERE sha256 = :sha256 AND revoked_at IS NULL",
            {"sha256": _sha256(secret)},
        )
        if not rows:
            return None
        row = rows[0]
        token = _token(row, prefix="token_")
        account = account_of(row)
        self._note_use(token)
        return Caller(account=account, token=token, roles=self._roles(account))

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

    def _roles(self, account: Account) -> dict[str, str]:
        rows = self.database.rows(
            "SELECT accounts.key, role FROM memberships JOIN accounts ON accounts.id = organisation_id WHERE user_id = :id",
            {"id": account.id},
        )
        return {row["key"]: row["role"] for row in rows}

    def _note_use(self, token: Token) -> None:
        moment_now = datetime.now(UTC)
        if token.last_used_at is None or moment_now - token.last_used_at > NOTED_EVERY:
            self.database.execute(
                "UPDATE tokens SET last_used_at = :now WHERE id = :id",
                {"now": moment_now.replace(tzinfo=None).isoformat(" "), "id": token.id},
            )


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


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
        revoked_at=moment(row["revoked_at"]) if not prefix and row["revoked_at"] else None,
    )
