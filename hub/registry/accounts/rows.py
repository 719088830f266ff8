"""Read accounts and roles from rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.registry.accounts.permissions import Account
from hub.registry.database.clock import from_column

if TYPE_CHECKING:
    from hub.registry.database.database import Database


def account_of(row: Any) -> Account:
    """Convert a row of the table `accounts`."""
    return Account(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        full_name=row["full_name"],
        email=row["email"],
        is_admin=bool(row["is_admin"]),
        quota_bytes=row["quota_bytes"],
        created_at=from_column(row["created_at"]),
        removed_at=from_column(row["removed_at"]),
        about=row["about"],
    )


def roles_of(database: Database, account: Account) -> dict[str, str]:
    """Map the organisations of a user, in lower case, to the user's roles."""
    rows = database.rows(
        "SELECT accounts.key, role FROM memberships JOIN accounts ON accounts.id = organisation_id WHERE user_id = :id",
        {"id": account.id},
    )
    return {row["key"]: row["role"] for row in rows}
