"""Names that people cannot take by themselves, because they own artifacts of other people, or sound like the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import Conflict, InvalidName
from hub.names import DATASETS, check_owner
from hub.registry.index.tags import CURATED_OWNER

if TYPE_CHECKING:
    from hub.registry.database.database import Database

_OFFICIAL = {
    "abuse", "admin", "administrator", "hub", "moderator", "official", "owner", "root", "security", "staff", "support", "system",
    "webmaster",
}  # fmt: skip
"""Names that readers would take for the server's. Administrators can still create them."""


def require_free_name(database: Database, name: str, local_owner: str) -> None:
    """Raise InvalidName or Conflict unless a new account may have this name.

    An owner can have artifacts without an account: those of the cards, of the machine, of a mirror, and removed ones. An
    account with that name could change them.
    """
    key = check_owner(name).lower()
    if key in _OFFICIAL:
        raise InvalidName(f"`{name}` is a reserved name: choose another one, or ask an administrator.")
    if key in {CURATED_OWNER.lower(), local_owner.lower()} or _is_used(database, key):
        raise Conflict(f"`{name}` is taken: choose another name.")


def _is_used(database: Database, key: str) -> bool:
    """Return whether an account, an artifact or a former artifact has the name."""
    asked = {
        "key": key,
        "first": f"{key}/",
        "last": f"{key}0",
        "data": f"{DATASETS}{key}/",
        "data_last": f"{DATASETS}{key}0",
    }
    # All keys that begin with `key/`: `0` follows `/` in the order of bytes.
    begins = "(key >= :first AND key < :last) OR (key >= :data AND key < :data_last)"
    owned = f"SELECT 1 FROM artifacts WHERE {begins} UNION ALL SELECT 1 FROM tombstones WHERE {begins}"  # noqa: S608 - constants
    question = f"SELECT 1 FROM accounts WHERE key = :key UNION ALL {owned} LIMIT 1"  # noqa: S608
    return bool(database.rows(question, asked))
