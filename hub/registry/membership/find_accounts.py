"""Lists of accounts for administrators, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.registry.accounts.permissions import Account
from hub.registry.accounts.rows import account_of

if TYPE_CHECKING:
    from hub.registry.database.database import Database


def find_accounts(
    database: Database, text: str = "", kind: str = "", *, after: str = "", limit: int = 50
) -> list[Account]:
    """Return up to `limit` accounts by name, removed ones included: those whose name, full name or email address contain `text`.

    `after` is the key of the last account of the page before.
    """
    wanted = {"kind": kind, "after": after, "text": f"%{_literally(text.lower())}%"}
    conditions = ["kind = :kind"] * bool(kind) + ["key > :after"] * bool(after)
    if text:
        among = (f"{column} LIKE :text ESCAPE '!'" for column in ("key", "lower(full_name)", "lower(email)"))
        conditions.append(f"({' OR '.join(among)})")
    used = {name: value for name, value in wanted.items() if any(f":{name}" in each for each in conditions)}
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = database.rows(f"SELECT * FROM accounts {where} ORDER BY key LIMIT :limit", {"limit": limit, **used})  # noqa: S608 - constants
    return [account_of(row) for row in rows]


def count_accounts(database: Database) -> dict[str, int]:
    """Map each kind of account to the number of those that were not removed."""
    rows = database.rows("SELECT kind, count(*) AS count FROM accounts WHERE removed_at IS NULL GROUP BY kind")
    return {row["kind"]: int(row["count"]) for row in rows}


def _literally(text: str) -> str:
    """Return a text whose wildcards stand for themselves."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
