"""Users and organisations. Reading is plain SQL; whatever changes leaves a line in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import Conflict, InvalidRequest, UnknownAccount
from hub.names import check_owner
from hub.registry.accounts.audit import note
from hub.registry.accounts.permissions import ORGANISATION, ROLES, USER, Account, Actor
from hub.registry.accounts.rows import account_of
from hub.registry.database.clock import utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.accounts import AccountRow

MAX_LINE = 200
"""Characters of what people call themselves."""
MAX_BYTES = 10**18
"""Of a quota: what a database's whole number holds, with room to add to it."""
_COLUMNS = "accounts.id, name, kind, full_name, email, is_admin, quota_bytes, created_at, removed_at"


class Accounts:
    """Everybody that a server knows."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def get(self, name: str) -> Account:
        """The account called `name`, in any case. Raises UnknownAccount with near names."""
        found = self.find(name)
        if found is None:
            raise UnknownAccount(name, [each.name for each in self.all()])
        return found

    def find(self, name: str) -> Account | None:
        """The account called `name`, or None."""
        if not name.isprintable():
            return None  # PostgreSQL cannot even be asked for some of them.
        rows = self.database.rows(f"SELECT {_COLUMNS} FROM accounts WHERE key = :key", {"key": name.lower()})  # noqa: S608
        return account_of(rows[0]) if rows else None

    def find_by_id(self, account_id: int) -> Account | None:
        """The account with this id, or None; also None for one that was removed."""
        rows = self.database.rows(
            f"SELECT {_COLUMNS} FROM accounts WHERE id = :id AND removed_at IS NULL",  # noqa: S608
            {"id": account_id},
        )
        return account_of(rows[0]) if rows else None

    def all(self, kind: str = "") -> list[Account]:
        """Everybody, or all users, or all organisations, by name; without those who were removed."""
        rows = self.database.rows(f"SELECT {_COLUMNS} FROM accounts WHERE removed_at IS NULL ORDER BY key")  # noqa: S608
        return [account_of(row) for row in rows if not kind or row["kind"] == kind]

    def organisations(self, user: Account) -> list[tuple[Account, str]]:
        """Where a user is a member, with the role there."""
        rows = self.database.rows(
            f"SELECT {_COLUMNS}, role FROM memberships JOIN accounts ON accounts.id = organisation_id "  # noqa: S608
            "WHERE user_id = :id ORDER BY key",
            {"id": user.id},
        )
        return [(account_of(row), row["role"]) for row in rows]

    def members(self, organisation: Account) -> list[tuple[Account, str]]:
        """The users of an organisation, with their roles."""
        rows = self.database.rows(
            f"SELECT {_COLUMNS}, role FROM memberships JOIN accounts ON accounts.id = user_id "  # noqa: S608
            "WHERE organisation_id = :id ORDER BY key",
            {"id": organisation.id},
        )
        return [(account_of(row), row["role"]) for row in rows]

    def add(
        self, name: str, actor: Actor, *, kind: str = USER, is_admin: bool = False, full_name: str = "", email: str = ""
    ) -> Account:
        """A new user or organisation. Raises InvalidName, and Conflict when the name is taken."""
        from hub.registry.tables.accounts import AccountRow

        check_owner(name)
        if any(len(each) > MAX_LINE or not each.isprintable() for each in (full_name, email)):
            raise InvalidRequest(f"a full name and an address have at most {MAX_LINE} characters, on one line.")
        with self.database.transaction() as session:
            if (known := _row(session, name)) is not None:
                was = (
                    "was somebody's who was removed: bring it back with `hub admin user restore`, or"
                    if known.removed_at
                    else "is taken:"
                )
                raise Conflict(f"`{name}` {was} choose another name.")
            session.add(
                AccountRow(
                    name=name, key=name.lower(), kind=kind, full_name=full_name or name, email=email, is_admin=is_admin,
                    password=None, quota_bytes=None, created_at=utc_now(),
                )
            )  # fmt: skip
            note(session, actor, f"{kind}.add", name, is_admin=is_admin)
        return self.get(name)

    def set_member(self, organisation: Account, user: Account, role: str, actor: Actor) -> None:
        """Give `user` a role in `organisation`; an empty one takes it away."""
        from hub.registry.tables.accounts import MembershipRow

        if role and role not in ROLES:
            raise InvalidRequest(f"{role!r} is no role: choose one of {', '.join(ROLES)}.")
        if user.removed_at:
            raise InvalidRequest(f"`{user.name}` was removed: bring the user back with `hub admin user restore`.")
        if organisation.kind != ORGANISATION or user.kind != USER:
            raise InvalidRequest(f"`{organisation.name}` is no organisation, or `{user.name}` no user.")
        with self.database.transaction() as session:
            row = session.get(MembershipRow, (organisation.id, user.id))
            if row is not None and not role:
                session.delete(row)
            elif row is not None:
                row.role = role
            elif role:
                session.add(MembershipRow(organisation_id=organisation.id, user_id=user.id, role=role))
            note(session, actor, "organisation.member", organisation.name, user=user.name, role=role)

    def set_quota(self, name: str, quota_bytes: int | None, actor: Actor) -> None:
        """Limit what the artifacts of an account may hold; None takes the limit away."""
        found = self.get(name)
        if quota_bytes is not None and not 0 <= quota_bytes <= MAX_BYTES:
            raise InvalidRequest(f"a quota has 0 to {MAX_BYTES} bytes, not {quota_bytes}.")
        with self.database.transaction() as session:
            _known_row(session, found).quota_bytes = quota_bytes
            note(session, actor, f"{found.kind}.quota", found.name, quota_bytes=quota_bytes)

    def set_password(self, name: str, password: str, actor: Actor) -> None:
        """Let a user log in on pages with `password`, kept as Argon2 makes of it; whoever is logged in is logged out.

        Raises InvalidRequest for a short one.
        """
        from hub.registry.accounts.secrets import digest_of
        from hub.registry.accounts.sessions import end_sessions

        user = self._user(name)
        kept = digest_of(password)
        with self.database.transaction() as session:
            _known_row(session, user).password = kept
            end_sessions(session, user)
            note(session, actor, "user.password", user.name)

    def set_admin(self, name: str, is_admin: bool, actor: Actor) -> None:
        """Give a user the whole server, or take it away. Raises InvalidRequest for the last administrator."""
        user = self._user(name)
        with self.database.transaction() as session:
            _known_row(session, user).is_admin = is_admin
            _require_another_administrator(session, user)
            note(session, actor, "user.admin", user.name, is_admin=is_admin)

    def remove(self, name: str, actor: Actor) -> None:
        """Let nobody be this user any more: tokens, sessions, password and memberships end, artifacts and the name stay.

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
            living = (TokenRow.account_id == user.id) & TokenRow.revoked_at.is_(None)
            session.execute(update(TokenRow).where(living).values(revoked_at=utc_now()))
            session.execute(delete(MembershipRow).where(MembershipRow.user_id == user.id))
            note(session, actor, "user.remove", user.name)

    def restore(self, name: str, actor: Actor) -> None:
        """Take `remove` back, without the tokens, the password and the memberships of before."""
        user = self._user(name)
        with self.database.transaction() as session:
            _known_row(session, user).removed_at = None
            note(session, actor, "user.restore", user.name)

    def has_password(self, name: str, password: str) -> bool:
        """Whether this is the user's password. As slow for a name that nobody has."""
        from hub.registry.accounts.secrets import matches

        rows = self.database.rows("SELECT password FROM accounts WHERE key = :key", {"key": name.lower()})
        return matches(rows[0]["password"] if rows else None, password)

    def used_bytes(self, owner: str) -> int:
        """Bytes of all files that the artifacts of `owner` hold, each counted once."""
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
            raise InvalidRequest(f"`{found.name}` is an organisation: this is done to users.")
        return found


def _row(session: Session, name: str) -> AccountRow | None:
    from sqlalchemy import select

    from hub.registry.tables.accounts import AccountRow

    return session.scalar(select(AccountRow).where(AccountRow.key == name.lower()))


def _known_row(session: Session, account: Account) -> AccountRow:
    from hub.registry.tables.accounts import AccountRow

    return session.get_one(AccountRow, account.id)


def _require_another_administrator(session: Session, user: Account) -> None:
    """Raises InvalidRequest when this change would leave nobody who can let others in."""
    from sqlalchemy import func, select

    from hub.registry.tables.accounts import AccountRow

    session.flush()
    if user.is_admin and not session.scalar(select(func.count()).where(AccountRow.is_admin)):
        raise InvalidRequest(
            f"`{user.name}` is the last administrator: make another one first, `hub admin user set-admin`."
        )
