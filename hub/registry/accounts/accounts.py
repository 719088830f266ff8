"""Users and organisations. Reads are plain SQL; every change is recorded in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import Conflict, InvalidRequest, UnknownAccount
from hub.names import check_owner
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import ORGANISATION, ROLES, USER, Account, Actor
from hub.registry.accounts.rows import account_of
from hub.registry.database.clock import utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.accounts import AccountRow

MAX_LINE = 200
"""Maximum length of a full name or an email address, in characters."""
MAX_BYTES = 10**18
"""Maximum quota, well below the largest integer of the databases, so that sums do not overflow."""
_COLUMNS = "accounts.id, name, kind, full_name, email, is_admin, quota_bytes, created_at, removed_at, about"


class Accounts:
    """The accounts of a server."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def get(self, name: str) -> Account:
        """Return an account by name, ignoring case. Raises UnknownAccount with similar names."""
        found = self.find(name)
        if found is None:
            raise UnknownAccount(name, [each.name for each in self.all()])
        return found

    def find(self, name: str) -> Account | None:
        """Return an account by name, ignoring case, or None."""
        if not name.isprintable():
            return None  # PostgreSQL rejects some of these characters in queries.
        rows = self.database.rows(f"SELECT {_COLUMNS} FROM accounts WHERE key = :key", {"key": name.lower()})  # noqa: S608
        return account_of(rows[0]) if rows else None

    def all(self, kind: str = "") -> list[Account]:
        """Return all accounts, or those of one kind, by name, without removed ones."""
        rows = self.database.rows(f"SELECT {_COLUMNS} FROM accounts WHERE removed_at IS NULL ORDER BY key")  # noqa: S608
        return [account_of(row) for row in rows if not kind or row["kind"] == kind]

    def organisations(self, user: Account) -> list[tuple[Account, str]]:
        """Return the organisations of a user, with the user's roles."""
        rows = self.database.rows(
            f"SELECT {_COLUMNS}, role FROM memberships JOIN accounts ON accounts.id = organisation_id "  # noqa: S608
            "WHERE user_id = :id ORDER BY key",
            {"id": user.id},
        )
        return [(account_of(row), row["role"]) for row in rows]

    def members(self, organisation: Account) -> list[tuple[Account, str]]:
        """Return the members of an organisation, with their roles."""
        rows = self.database.rows(
            f"SELECT {_COLUMNS}, role FROM memberships JOIN accounts ON accounts.id = user_id "  # noqa: S608
            "WHERE organisation_id = :id ORDER BY key",
            {"id": organisation.id},
        )
        return [(account_of(row), row["role"]) for row in rows]

    def add(
        self,
        name: str,
        actor: Actor,
        *,
        kind: str = USER,
        is_admin: bool = False,
        full_name: str = "",
        email: str = "",
        password: str | None = None,
        admin: Account | None = None,
    ) -> Account:
        """Add a user or organisation. `password` is a hash; `admin` is the first member of an organisation.

        Raises InvalidName, InvalidRequest, and Conflict if the name is taken.
        """
        from hub.registry.tables.accounts import AccountRow, MembershipRow

        check_owner(name)
        if any(len(each) > MAX_LINE or not each.isprintable() for each in (full_name, email)):
            raise InvalidRequest(f"full name and email address must be single lines of at most {MAX_LINE} characters.")
        with self.database.transaction() as session:
            if (known := _row(session, name)) is not None:
                if known.removed_at:
                    raise Conflict(
                        f"`{name}` belongs to a removed user: restore it with `hub admin user restore {name}`, or choose another name."
                    )
                raise Conflict(f"`{name}` is taken: choose another name.")
            row = AccountRow(
                name=name, key=name.lower(), kind=kind, full_name=full_name or name, email=email, is_admin=is_admin,
                password=password, quota_bytes=None, created_at=utc_now(),
            )  # fmt: skip
            session.add(row)
            if admin is not None:
                session.flush()
                session.add(MembershipRow(organisation_id=row.id, user_id=admin.id, role="admin"))
            log_action(session, actor, f"{kind}.add", name, is_admin=is_admin)
        return self.get(name)

    def set_member(
        self, organisation: Account, user: Account, role: str, actor: Actor, *, keep_admin: bool = False
    ) -> None:
        """Set the role of `user` in `organisation`; an empty role ends the membership.

        Raises InvalidRequest, with `keep_admin` also if the organisation would lose its last admin.
        """
        from hub.registry.tables.accounts import MembershipRow

        if role and role not in ROLES:
            raise InvalidRequest(f"invalid role {role!r}: choose one of {', '.join(ROLES)}.")
        if user.removed_at:
            raise InvalidRequest(
                f"`{user.name}` was removed: restore the user with `hub admin user restore {user.name}`."
            )
        if organisation.kind != ORGANISATION or user.kind != USER:
            raise InvalidRequest(f"`{organisation.name}` is not an organisation, or `{user.name}` is not a user.")
        with self.database.transaction() as session:
            row = session.get(MembershipRow, (organisation.id, user.id))
            was_admin = row is not None and row.role == "admin"
            if row is not None and not role:
                session.delete(row)
            elif row is not None:
                row.role = role
            elif role:
                session.add(MembershipRow(organisation_id=organisation.id, user_id=user.id, role=role))
            if keep_admin and was_admin and role != "admin":
                _require_another_admin(session, organisation, user)
            log_action(session, actor, "organisation.member", organisation.name, user=user.name, role=role)

    def set_quota(self, name: str, quota_bytes: int | None, actor: Actor) -> None:
        """Set the storage quota of an account; None removes it. Raises InvalidRequest."""
        found = self.get(name)
        if quota_bytes is not None and not 0 <= quota_bytes <= MAX_BYTES:
            raise InvalidRequest(f"a quota must be from 0 to {MAX_BYTES} bytes, not {quota_bytes}.")
        with self.database.transaction() as session:
            _known_row(session, found).quota_bytes = quota_bytes
            log_action(session, actor, f"{found.kind}.quota", found.name, quota_bytes=quota_bytes)

    def set_password(self, name: str, password: str, actor: Actor) -> None:
        """Set the password of a user, stored as an Argon2id hash, and end all of the user's sessions.

        Raises InvalidRequest for a password that is too short or too long.
        """
        from hub.registry.accounts.secrets import hash_password
        from hub.registry.accounts.sessions import end_sessions

        user = self._user(name)
        hashed = hash_password(password)
        with self.database.transaction() as session:
            _known_row(session, user).password = hashed
            end_sessions(session, user)
            log_action(session, actor, "user.password", user.name)

    def set_admin(self, name: str, is_admin: bool, actor: Actor) -> None:
        """Grant a user administrator rights, or revoke them. Raises InvalidRequest for the last administrator."""
        user = self._user(name)
        with self.database.transaction() as session:
            _known_row(session, user).is_admin = is_admin
            _require_another_administrator(session, user)
            log_action(session, actor, "user.admin", user.name, is_admin=is_admin)

    def remove(self, name: str, actor: Actor) -> None:
        """Remove a user: tokens, sessions, password and memberships end; artifacts stay, and the name stays reserved.

        Raises InvalidRequest for the last administrator.
        """
        from sqlalchemy import delete, update

        from hub.registry.accounts.sessions import end_sessions
        from hub.registry.tables.accounts import MembershipRow, TokenRow

        user = self._user(name)
        with self.database.transaction() as session:
            row = _known_row(session, user)
            row.removed_at, row.password, row.is_admin = utc_now(), None, False
            _require_another_administrator(session, user)
            end_sessions(session, user)
            is_valid = (TokenRow.account_id == user.id) & TokenRow.revoked_at.is_(None)
            session.execute(update(TokenRow).where(is_valid).values(revoked_at=utc_now()))
            session.execute(delete(MembershipRow).where(MembershipRow.user_id == user.id))
            log_action(session, actor, "user.remove", user.name)

    def restore(self, name: str, actor: Actor) -> None:
        """Restore a removed user, without the previous tokens, password and memberships."""
        user = self._user(name)
        with self.database.transaction() as session:
            _known_row(session, user).removed_at = None
            log_action(session, actor, "user.restore", user.name)

    def has_password(self, name: str, password: str) -> bool:
        """Return whether this is the user's password. Takes as long for an unknown name."""
        from hub.registry.accounts.secrets import verify_password

        rows = self.database.rows("SELECT password FROM accounts WHERE key = :key", {"key": name.lower()})
        return verify_password(rows[0]["password"] if rows else None, password)

    def used_bytes(self, owner: str) -> int:
        """Return the size in bytes of all distinct files in the artifacts of `owner`."""
        rows = self.database.rows(
            "SELECT coalesce(sum(size_bytes), 0) FROM (SELECT DISTINCT files.digest, files.size_bytes FROM files "
            "JOIN revisions ON revisions.id = revision_id JOIN artifacts ON artifacts.id = artifact_id "
            "WHERE lower(owner) = :owner) AS held",
            {"owner": owner.lower()},
        )
        return int(rows[0][0])

    def _user(self, name: str) -> Account:
        found = self.get(name)
        if found.kind != USER:
            raise InvalidRequest(f"`{found.name}` is an organisation, not a user.")
        return found


def _row(session: Session, name: str) -> AccountRow | None:
    from sqlalchemy import select

    from hub.registry.tables.accounts import AccountRow

    return session.scalar(select(AccountRow).where(AccountRow.key == name.lower()))


def _known_row(session: Session, account: Account) -> AccountRow:
    from hub.registry.tables.accounts import AccountRow

    return session.get_one(AccountRow, account.id)


def _require_another_administrator(session: Session, user: Account) -> None:
    """Raise InvalidRequest if this change would leave the server without an administrator."""
    from sqlalchemy import func, select

    from hub.registry.tables.accounts import AccountRow

    session.flush()
    if user.is_admin and not session.scalar(select(func.count()).where(AccountRow.is_admin)):
        raise InvalidRequest(
            f"`{user.name}` is the last administrator: add another one with `hub admin user set-admin` first."
        )


def _require_another_admin(session: Session, organisation: Account, user: Account) -> None:
    """Raise InvalidRequest if this change would leave the organisation without an admin."""
    from sqlalchemy import func, select

    from hub.registry.tables.accounts import MembershipRow

    session.flush()
    admins = select(func.count()).where(MembershipRow.organisation_id == organisation.id, MembershipRow.role == "admin")
    if not session.scalar(admins):
        raise InvalidRequest(
            f"`{user.name}` is the last admin of `{organisation.name}`: give another member the role `admin` first."
        )
