"""Links with which a user sets a new password: made by an administrator, stored by the SHA-256 of their secret, used once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hub.errors import Forbidden, InvalidRequest
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import USER, Account, Actor
from hub.registry.accounts.rows import account_of
from hub.registry.accounts.secrets import hash_password, new_secret, sha256_of
from hub.registry.accounts.sessions import end_sessions
from hub.registry.database.clock import to_column, utc_now

if TYPE_CHECKING:
    from hub.registry.database.database import Database

PREFIX = "lhr_"
LIFETIME = timedelta(hours=24)
"""How long a link can be used."""


@dataclass(frozen=True, slots=True)
class ResetLink:
    """A new link. Its secret cannot be read again."""

    user: str
    path: str
    """Path on the server, such as `/reset/lhr_…`."""
    expires_at: datetime


class ExpiredLink(Forbidden):
    """The link was used, was replaced by a newer one, or has expired."""


def create_reset_link(database: Database, name: str, actor: Actor) -> ResetLink:
    """Create a link for a user, which replaces an earlier one. Raises UnknownAccount, InvalidRequest."""
    from hub.registry.tables.accounts import ResetLinkRow

    user = Accounts(database).get(name)
    if user.kind != USER or user.removed_at:
        why = "was removed" if user.removed_at else "is an organisation"
        raise InvalidRequest(f"`{user.name}` {why}: choose a user from `hub admin user list`.")
    secret, until = new_secret(PREFIX), utc_now() + LIFETIME
    with database.transaction() as session:
        session.merge(ResetLinkRow(account_id=user.id, sha256=sha256_of(secret), expires_at=until))
        log_action(session, actor, "user.reset-link", user.name)
    return ResetLink(user.name, f"/reset/{secret}", until)


def user_of_link(database: Database, secret: str) -> Account:
    """Return the user of a link. Raises ExpiredLink."""
    rows = database.rows(
        "SELECT accounts.* FROM reset_links JOIN accounts ON accounts.id = account_id "
        "WHERE sha256 = :sha256 AND expires_at > :now AND removed_at IS NULL",
        {"sha256": sha256_of(secret), "now": to_column(utc_now())},
    )
    if not rows:
        raise ExpiredLink(
            "this link was used, was replaced or has expired: log in, or ask an administrator for a new one."
        )
    return account_of(rows[0])


def use_reset_link(database: Database, secret: str, password: str, address: str) -> Account:
    """Set the password of the link's user, delete the link and end all sessions. Return the user.

    Raises ExpiredLink, and InvalidRequest for a password that is too short or too long, after which the link can still be used.
    """
    from sqlalchemy import delete

    from hub.registry.tables.accounts import AccountRow, ResetLinkRow

    user, hashed = user_of_link(database, secret), hash_password(password)
    with database.transaction() as session:
        used = delete(ResetLinkRow).where(ResetLinkRow.sha256 == sha256_of(secret)).returning(ResetLinkRow.account_id)
        if session.scalar(used) is None:
            raise ExpiredLink("this link was used a moment ago: log in with the password that was set.")
        session.get_one(AccountRow, user.id).password = hashed
        end_sessions(session, user)
        log_action(session, Actor(user.name, "reset link", address), "user.password", user.name)
    return user
