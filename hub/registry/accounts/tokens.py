"""Access tokens: shown once when created, stored by their SHA-256.

A token has 256 random bits and cannot be guessed, so a slow hash would slow every request without protecting anything.
"""

# ruff: noqa: S608 - only constants are put into SQL here.
from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hub.errors import InvalidRequest, UnknownToken
from hub.names import ArtifactName
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import TOKEN_ROLES, USER, Account, Actor, Caller, Token
from hub.registry.accounts.rows import account_of, roles_of
from hub.registry.accounts.secrets import PREFIXES, new_secret, sha256_of
from hub.registry.database.clock import from_column, to_column, utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.accounts import TokenRow

USE_INTERVAL = timedelta(minutes=10)
"""Minimum time between updates of `last_used_at`, so that not every request writes."""
MAX_LABEL = 200
"""Maximum length of a token's name, in characters."""
_SELECT = (
    "SELECT tokens.id AS token_id, tokens.name AS token_name, role, artifact, tokens.created_at AS token_created_at, "
    "last_used_at, expires_at, revoked_at, accounts.* FROM tokens JOIN accounts ON accounts.id = account_id"
)
_IS_VALID = "revoked_at IS NULL AND removed_at IS NULL AND (expires_at IS NULL OR expires_at > :now)"


class Tokens:
    """The access tokens of all accounts."""

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
        lifetime: timedelta | None = None,
        secret: str = "",
    ) -> str:
        """Create a token and return its secret, which cannot be read again. It expires after `lifetime`, or never.

        `secret` has 256 random bits (default: new ones). If a token of the account has it, there is no second one: a request that is
        sent twice creates one token. Raises InvalidRequest for an invalid role or name, or an account that cannot have tokens.
        """
        key = self._key(artifact, account) if artifact else ""
        secret = secret or new_secret()
        label = name or f"{role}{f' {artifact}' if artifact else ''}"
        with self.database.transaction() as session:
            if _has_token(session, account, secret):
                return secret
            add_token(session, account, secret, actor, role=role, label=label, artifact=key, lifetime=lifetime)
        return secret

    def caller(self, secret: str) -> Caller | None:
        """Return the caller with this secret; None if the token is invalid, expired or revoked."""
        if not secret.startswith(PREFIXES):
            return None
        values = {"sha256": sha256_of(secret), "now": to_column(utc_now())}
        rows = self.database.rows(f"{_SELECT} WHERE sha256 = :sha256 AND {_IS_VALID}", values)
        if not rows:
            # A program that has not received its refreshed token yet continues with the previous one.
            is_former = "former_sha256 = :sha256 AND former_expires_at > :now"
            rows = self.database.rows(f"{_SELECT} WHERE {is_former} AND {_IS_VALID}", values)
        if not rows:
            return None
        row = rows[0]
        token = _token(row, prefix="token_")
        account = account_of(row)
        self._record_use(token)
        return Caller(account=account, token=token, roles=roles_of(self.database, account))

    def caller_with(self, token_id: int) -> Caller | None:
        """Return the caller with the token of this id; None if the token is invalid, expired or revoked."""
        rows = self.database.rows(
            f"{_SELECT} WHERE tokens.id = :id AND {_IS_VALID}", {"id": token_id, "now": to_column(utc_now())}
        )
        if not rows:
            return None
        account = account_of(rows[0])
        return Caller(account=account, token=_token(rows[0], prefix="token_"), roles=roles_of(self.database, account))

    def of(self, account: Account) -> list[Token]:
        """Return the tokens of an account, newest first, including revoked ones."""
        rows = self.database.rows("SELECT * FROM tokens WHERE account_id = :id ORDER BY id DESC", {"id": account.id})
        return [_token(row) for row in rows]

    def revoke(self, account: Account, token_id: int, actor: Actor) -> Token:
        """Revoke a token. Raises UnknownToken if the account has no such token."""
        from hub.registry.tables.accounts import TokenRow

        found = next((each for each in self.of(account) if each.id == token_id), None)
        if found is None:
            raise UnknownToken(str(token_id), listing=f"hub admin token list {account.name}")
        with self.database.transaction() as session:
            session.get_one(TokenRow, token_id).revoked_at = utc_now()
            log_action(session, actor, "token.revoke", account.name, token=found.name)
        return found

    def _key(self, artifact: str, account: Account) -> str:
        """Return the key of an artifact. A name without `datasets/` is a data set's if there is no such model."""
        name = ArtifactName.parse(artifact, account.name)
        dataset = ArtifactName(name.owner, name.name, is_dataset=True)
        known = self.database.rows(
            "SELECT key FROM artifacts WHERE key IN (:key, :other) ORDER BY kind = 'dataset'",
            {"key": name.key, "other": dataset.key},
        )
        return str(known[0]["key"]) if known else name.key

    def _record_use(self, token: Token) -> None:
        now = utc_now()
        if token.last_used_at is None or now - token.last_used_at > USE_INTERVAL:
            self.database.execute_unless_busy(
                "UPDATE tokens SET last_used_at = :now WHERE id = :id",
                {"now": to_column(now), "id": token.id},
            )


def _has_token(session: Session, account: Account, secret: str) -> bool:
    """Return whether a token of the account has this secret. Raises InvalidRequest if it was revoked."""
    from sqlalchemy import select

    from hub.registry.tables.accounts import TokenRow

    found = session.scalar(
        select(TokenRow).where(TokenRow.sha256 == sha256_of(secret), TokenRow.account_id == account.id)
    )
    if found is not None and found.revoked_at is not None:
        raise InvalidRequest(
            "this form was sent before, and its token was revoked: reload the page to create another one."
        )
    return found is not None


def add_token(
    session: Session,
    account: Account,
    secret: str,
    actor: Actor,
    *,
    role: str,
    label: str,
    artifact: str = "",
    lifetime: timedelta | None = None,
) -> TokenRow:
    """Add a token in a transaction. Raises InvalidRequest for an invalid role or name, or an account that cannot have tokens."""
    from hub.registry.tables.accounts import TokenRow

    if role not in TOKEN_ROLES:
        raise InvalidRequest(f"invalid token role {role!r}: choose one of {', '.join(TOKEN_ROLES)}.")
    if account.removed_at is not None or account.kind != USER:
        why = "was removed" if account.removed_at else "is an organisation, which has no tokens"
        raise InvalidRequest(f"`{account.name}` {why}: choose a user from `hub admin user list`.")
    if len(label) > MAX_LABEL or not label.isprintable():
        raise InvalidRequest(f"the name of a token must be a single line of at most {MAX_LABEL} characters.")
    row = TokenRow(
        account_id=account.id, sha256=sha256_of(secret), name=label, role=role, artifact=artifact, created_at=utc_now(),
        expires_at=utc_now() + lifetime if lifetime else None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    log_action(session, actor, "token.create", account.name, token=label, role=role, artifact=artifact)
    return row


def find_token(database: Database, token_id: int) -> Token | None:
    """Return a token by its id; None if it is expired or revoked, or its account was removed."""
    rows = database.rows(
        f"SELECT tokens.* FROM tokens JOIN accounts ON accounts.id = account_id WHERE tokens.id = :id AND {_IS_VALID}",
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
