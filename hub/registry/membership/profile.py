"""The profile of an account: its full name and a text about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import InvalidRequest
from hub.registry.accounts.accounts import MAX_LINE
from hub.registry.accounts.audit import log_action
from hub.registry.membership.plain_text import plain_text

if TYPE_CHECKING:
    from hub.registry.accounts.permissions import Account, Actor
    from hub.registry.database.database import Database

MAX_ABOUT = 2000
"""Maximum length of the text about an account, in characters."""


def change_profile(database: Database, account: Account, full_name: str, about: str, actor: Actor) -> None:
    """Change the full name and the text about an account. Raises InvalidRequest."""
    from hub.registry.tables.accounts import AccountRow

    full_name = full_name.strip() or account.name
    if len(full_name) > MAX_LINE or not full_name.isprintable():
        raise InvalidRequest(f"a full name is a single line of at most {MAX_LINE} characters.")
    about = plain_text(about, MAX_ABOUT, "the text about you")
    if (full_name, about) == (account.full_name, account.about):
        return
    with database.transaction() as session:
        row = session.get_one(AccountRow, account.id)
        row.full_name, row.about = full_name, about
        log_action(session, actor, f"{account.kind}.profile", account.name)
