"""What people can do without an administrator: sign up, and create organisations. Both are off by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.registry.accounts.server_settings import change_setting, find_setting

if TYPE_CHECKING:
    from hub.registry.accounts.permissions import Actor
    from hub.registry.database.database import Database

_SETTINGS = {"sign_up": "sign-up", "organisations": "user-organisations"}
"""Field → name of the setting."""


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """What people can do without an administrator."""

    sign_up: bool
    """Whether visitors can create an account."""
    organisations: bool
    """Whether users can create organisations."""


def account_policy(database: Database) -> AccountPolicy:
    """Return the policy of this server."""
    return AccountPolicy(**{field: find_setting(database, name) == "yes" for field, name in _SETTINGS.items()})


def set_account_policy(database: Database, policy: AccountPolicy, actor: Actor) -> None:
    """Change the policy. Unchanged settings write nothing."""
    known = account_policy(database)
    for field, name in _SETTINGS.items():
        if (value := getattr(policy, field)) != getattr(known, field):
            change_setting(database, name, "yes" if value else "no", actor)
