"""Tokens: made here, shown once, known by their SHA-256 afterwards.

A token is 256 random bits: nobody can guess it, so a slow hash would protect nothing and cost every request.
"""

# ruff: noqa: S608 - only constants are put into SQL here.
from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub.errors import InvalidRequest, UnknownToken
from hub.names import ArtifactName
from hub.registry.accounts.audit import note
from hub.registry.accounts.permissions import TOKEN_ROLES, USER, Account, Actor, Caller, Token
from hub.registry.accounts.rows import account_of, roles_of
from hub.registry.accounts.secrets import PREFIX, new_secret, sha256_of
from hub.registry.database.clock import from_column, to_column, utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.accounts import TokenRow

NOTED_EVERY = timedelta(minutes=10)
"""How exactly the last use of a token is known: a request in ten minutes writes, not each."""
MAX_LABEL = 200
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
        values = {"sha256": sha256_of(secret), "now": to_column(utc_now())}
        rows = self.database.rows(f"{_ASKED} WHERE sha256 = :sha256 AND {_LIVES}", values)
        if not rows:
            # A program that has not read its renewed token yet goes on with the one before.
            renewed = "former_sha256 = :sha256 AND former_expires_at > :now"
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
        from hub.registry.tables.accounts import TokenRow

        found = next((each for each in self.of(account) if each.id == token_id), None)
        if found is None:
            raise UnknownToken(str(token_id), listing=f"hub admin token list {account.name}")
        with self.database.transaction() as session:
            session.get_one(TokenRow, token_id).revoked_at = utc_now()
            note(session, actor, "token.revoke", account.name, token=found.name)
        return found

    def _note_use(self, token: Token) -> None:
        moment_now = utc_now()
        if token.last_used_at is None or moment_now - token.last_used_at > NOTED_EVERY:
            self.database.execute(
                "UPDATE tokens SET last_used_at = :now WHERE id = :id",
                {"now": to_column(moment_now), "id": token.id},
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
    """A new token inside a transaction. Raises InvalidRequest for a role that is none, or for an account that has no programs."""
    from hub.registry.tables.accounts import TokenRow

    if role not in TOKEN_ROLES:
        raise InvalidRequest(f"{role!r} is no role of a token: choose one of {', '.join(TOKEN_ROLES)}.")
    if account.removed_at is not None or account.kind != USER:
        why = "was removed" if account.removed_at else "is an organisation, whose members have tokens"
        raise InvalidRequest(f"`{account.name}` {why}: choose a user of `hub admin user list`.")
    if len(label) > MAX_LABEL or not label.isprintable():
        raise InvalidRequest(f"a token's name has at most {MAX_LABEL} characters, on one line.")
    row = TokenRow(
        account_id=account.id, sha256=sha256_of(secret), name=label, role=role, artifact=artifact, created_at=utc_now(),
        expires_at=utc_now() + lasts if lasts else None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    note(session, actor, "token.create", account.name, token=label, role=role, artifact=artifact)
    return row


def token_numbered(database: Database, token_id: int) -> Token | None:
    """A token by its number; None for one that is worth nothing any more."""
    rows = database.rows(
        f"SELECT tokens.* FROM tokens JOIN accounts ON accounts.id = account_id WHERE tokens.id = :id AND {_LIVES}",
        {"id": token_id, "now": to_column(utc_now())},
    )
    return _token(rows[0]) if rows else None


def _token(row: Any, prefix: str = "") -> Token:
    return Token(
        id=row[f"{prefix}id"],
        name=row[f"{prefix}name"],
        role=row["role"],
        artifact=row["artifact"],
        created_at=from_column(row[f"{prefix}created_at"]),
        last_used_at=from_column(row["last_used_at"]),
        revoked_at=from_column(row["revoked_at"]),
        expires_at=from_column(row["expires_at"]),
    )
