"""Browser sessions, started with a password or a token and stored by the SHA-256 of their secret.

A session that was started with a token has the token's permissions and ends with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hub.errors import Unknown
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Account, Actor, Caller, Token
from hub.registry.accounts.rows import account_of, roles_of
from hub.registry.accounts.secrets import new_secret, sha256_of
from hub.registry.accounts.tokens import find_token
from hub.registry.database.clock import from_column, to_column, utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session as Transaction

    from hub.registry.database.database import Database

PREFIX = "lhs_"
IDLE = timedelta(days=7)
"""Sessions that were not used for this long have expired."""
MAX_LIFETIME = timedelta(days=30)
"""Maximum age of a session; after that, the password is required again."""
USE_INTERVAL = timedelta(minutes=10)
"""Minimum time between updates of `used_at`."""
_AGENT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Session:
    """A browser in which an account is logged in. The secret is only in the browser's cookie."""

    id: int
    agent: str
    address: str
    created_at: datetime
    used_at: datetime
    with_token: bool


class UnknownSession(Unknown):
    """The account has no session with this id."""

    noun = "session"
    listing = "hub admin user list"


class Sessions:
    """The browser sessions of all accounts."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def begin(self, account: Account, actor: Actor, *, token: Token | None = None, agent: str = "") -> str:
        """Start a session and return its secret. Expired sessions are deleted."""
        from sqlalchemy import delete

        from hub.registry.tables.accounts import SessionRow

        secret = new_secret(PREFIX)
        with self.database.transaction() as transaction:
            is_expired = (SessionRow.used_at < utc_now() - IDLE) | (SessionRow.created_at < utc_now() - MAX_LIFETIME)
            transaction.execute(delete(SessionRow).where(is_expired))
            transaction.add(
                SessionRow(
                    account_id=account.id, token_id=token.id if token else None, sha256=sha256_of(secret),
                    agent=agent[:_AGENT_CHARACTERS], address=actor.address, created_at=utc_now(), used_at=utc_now(),
                )
            )  # fmt: skip
            log_action(
                transaction, actor, "session.begin", account.name, means=f"token {token.name}" if token else "password"
            )
        return secret

    def find(self, secret: str) -> tuple[Session, Caller] | None:
        """Return the session with this secret and its caller; None if the secret is invalid or the session has expired."""
        return self._find("sha256 = :wanted", sha256_of(secret))

    def caller_with(self, session_id: int) -> Caller | None:
        """Return the caller of the session with this id, which a signed link names; None if the session has ended."""
        found = self._find("sessions.id = :wanted", session_id)
        return found[1] if found else None

    def _find(self, condition: str, value: str | int) -> tuple[Session, Caller] | None:
        """Return the session that fulfils a condition on `:wanted`, and its caller; None if there is no such session."""
        now = utc_now()
        rows = self.database.rows(
            "SELECT sessions.id AS session_id, token_id, agent, address, sessions.created_at AS session_created_at, used_at, "  # noqa: S608
            "accounts.* FROM sessions JOIN accounts ON accounts.id = account_id "
            f"WHERE {condition} AND used_at > :used AND sessions.created_at > :created AND removed_at IS NULL",
            {"wanted": value, "used": to_column(now - IDLE), "created": to_column(now - MAX_LIFETIME)},
        )
        if not rows:
            return None
        session, account = _session(rows[0], prefix="session_"), account_of(rows[0])
        token = find_token(self.database, rows[0]["token_id"]) if session.with_token else None
        if session.with_token and token is None:
            return None
        if now - session.used_at > USE_INTERVAL:
            values = {"now": to_column(now), "id": session.id}
            self.database.execute_unless_busy("UPDATE sessions SET used_at = :now WHERE id = :id", values)
        roles = roles_of(self.database, account)
        return session, Caller(account=account, token=token, roles=roles, in_browser=True, session_id=session.id)

    def of(self, account: Account) -> list[Session]:
        """Return the sessions of an account, newest first."""
        now = utc_now()
        rows = self.database.rows(
            "SELECT * FROM sessions WHERE account_id = :id AND used_at > :used AND created_at > :created ORDER BY id DESC",
            {"id": account.id, "used": to_column(now - IDLE), "created": to_column(now - MAX_LIFETIME)},
        )
        return [_session(row) for row in rows]

    def end(self, account: Account, session_id: int, actor: Actor) -> None:
        """End a session. Raises UnknownSession if the account has no such session."""
        from hub.registry.tables.accounts import SessionRow

        with self.database.transaction() as transaction:
            row = transaction.get(SessionRow, session_id)
            if row is None or row.account_id != account.id:
                raise UnknownSession(str(session_id))
            transaction.delete(row)
            log_action(transaction, actor, "session.end", account.name)

    def end_others(self, account: Account, session_id: int, actor: Actor) -> int:
        """End all sessions of an account except one, and return their number."""
        from sqlalchemy import delete

        from hub.registry.tables.accounts import SessionRow

        others = delete(SessionRow).where(SessionRow.account_id == account.id, SessionRow.id != session_id)
        with self.database.transaction() as transaction:
            count = len(transaction.scalars(others.returning(SessionRow.id)).all())
            if count:
                log_action(transaction, actor, "session.end", account.name, sessions=count)
        return count


def end_sessions(transaction: Transaction, account: Account) -> None:
    """End all sessions of an account."""
    from sqlalchemy import delete

    from hub.registry.tables.accounts import SessionRow

    transaction.execute(delete(SessionRow).where(SessionRow.account_id == account.id))


def _session(row: Any, prefix: str = "") -> Session:
    return Session(
        id=row[f"{prefix}id"], agent=row["agent"], address=row["address"], created_at=from_column(row[f"{prefix}created_at"]),
        used_at=from_column(row["used_at"]), with_token=row["token_id"] is not None,
    )  # fmt: skip
