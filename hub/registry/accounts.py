"""Users and organisations. Reading is plain SQL; whatever changes leaves a line in the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.accounts import ORGANISATION, ROLES, USER, Account, Actor
from hub.errors import Conflict, UnknownAccount, WrongRequest
from hub.names import check_owner
from hub.registry.audit import note
from hub.registry.rows import moment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database import Database
    from hub.registry.people import AccountRow

_COLUMNS = "accounts.id, name, kind, full_name, email, is_admin, quota_bytes, created_at"


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
        rows = self.database.rows(f"SELECT {_COLUMNS} FROM accounts WHERE key = :key", {"key": name.lower()})  # noqa: S608
        return account_of(rows[0]) if rows else None

    def all(self, kind: str = "") -> list[Account]:
        """Everybody, or all users, or all organisations, by name."""
        rows = self.database.rows(f"SELECT {_COLUMNS} FROM accounts ORDER BY key")  # noqa: S608 - a constant
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
        """A new user or organisation. Raises WrongName, and Conflict when the name is taken."""
        from hub.registry.people import AccountRow
        from hub.registry.writing import now

        check_owner(name)
        with self.database.transaction() as session:
            if _row(session, name) is not None:
                raise Conflict(f"`{name}` is taken: choose another name.")
            session.add(
                AccountRow(
                    name=name, key=name.lower(), kind=kind, full_name=full_name or name, email=email, is_admin=is_admin,
                    password=None, quota_bytes=None, created_at=now(),
                )
            )  # fmt: skip
            note(session, actor, f"{kind}.add", name, is_admin=is_admin)
        return self.get(name)

    def set_member(self, organisation: Account, user: Account, role: str, actor: Actor) -> None:
        """Give `user` a role in `organisation`; an empty one takes it away."""
        from hub.registry.people import MembershipRow

        if role and role not in ROLES:
            raise WrongRequest(f"{role!r} is no role: choose one of {', '.join(ROLES)}.")
        if organisation.kind != ORGANISATION or user.kind != USER:
            raise WrongRequest(f"`{organisation.name}` is no organisation, or `{user.name}` no user.")
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
        self._change(name, actor, "quota", quota_bytes=quota_bytes)

    def set_password(self, name: str, password: str, actor: Actor) -> None:
        """Let a user log in on pages with `password`, kept as Argon2 makes of it. Raises WrongRequest for a short one."""
        from hub.registry.passwords import digest_of

        self._change(name, actor, "password", password=digest_of(password))

    def has_password(self, name: str, password: str) -> bool:
        """Whether this is the user's password. As slow for a name that nobody has."""
        from hub.registry.passwords import matches

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

    def _change(self, name: str, actor: Actor, what: str, **columns: Any) -> None:
        found = self.get(name)
        with self.database.transaction() as session:
            row = _row(session, found.name)
            assert row is not None, "accounts are never removed"
            for column, value in columns.items():
                setattr(row, column, value)
            detail = {} if what == "password" else columns
            note(session, actor, f"{found.kind}.{what}", found.name, **detail)


def account_of(row: Any) -> Account:
    """A row as a record."""
    created_at = moment(row["created_at"])
    assert isinstance(created_at, datetime), "every account has a day"
    return Account(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        full_name=row["full_name"],
        email=row["email"],
        is_admin=bool(row["is_admin"]),
        quota_bytes=row["quota_bytes"],
        created_at=created_at,
    )


def _row(session: Session, name: str) -> AccountRow | None:
    from sqlalchemy import select

    from hub.registry.people import AccountRow

    return session.scalar(select(AccountRow).where(AccountRow.key == name.lower()))
