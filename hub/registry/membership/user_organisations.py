"""Organisations that users create and run themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import Conflict, Forbidden
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.permissions import ORGANISATION, Account, Actor
from hub.registry.membership.account_policy import account_policy
from hub.registry.membership.claimed_names import require_free_name

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_OWN = 20
"""Maximum number of organisations in which a user who creates one has the role `admin`."""


def create_organisation(
    database: Database, user: Account, name: str, full_name: str, actor: Actor, *, local_owner: str
) -> Account:
    """Create an organisation with `user` as its admin; return the existing one if `user` is its admin already.

    Raises Forbidden if the policy allows it to administrators only, InvalidName, InvalidRequest, and Conflict if the name is taken.
    """
    if not (user.is_admin or account_policy(database).organisations):
        raise Forbidden("only administrators of this server can create organisations: ask one of them.")
    accounts = Accounts(database)
    administered = [each for each, role in accounts.organisations(user) if role == "admin"]
    if known := next((each for each in administered if each.key == name.lower()), None):
        return known
    if len(administered) >= MAX_OWN and not user.is_admin:
        raise Conflict(
            f"`{user.name}` is the admin of {len(administered)} organisations, which is the limit: leave one first."
        )
    require_free_name(database, name, local_owner)
    return accounts.add(name, actor, kind=ORGANISATION, full_name=full_name.strip(), admin=user)
