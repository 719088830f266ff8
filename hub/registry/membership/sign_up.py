"""Create an account without an administrator, where the policy of the server allows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import Forbidden
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.login_throttle import AttemptLimit, count_attempt, forget_old_attempts
from hub.registry.accounts.permissions import Account, Actor
from hub.registry.accounts.secrets import hash_password
from hub.registry.membership.account_policy import account_policy
from hub.registry.membership.claimed_names import require_free_name

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_BY_ADDRESS, MAX_IN_ALL = 10, 200
"""Attempts to sign up from one address, and from all together, in the window of `login_throttle`."""


def require_open(database: Database) -> None:
    """Raise Forbidden unless visitors may sign up."""
    if not account_policy(database).sign_up:
        raise Forbidden("visitors cannot create accounts on this server: ask an administrator for one.")


def sign_up(database: Database, name: str, password: str, address: str, *, full_name: str, local_owner: str) -> Account:
    """Create a user with a password. Attempts from `address` are limited.

    Raises Forbidden if the policy does not allow it, RateLimited, InvalidName, InvalidRequest, and Conflict if the name is taken.
    """
    require_open(database)
    forget_old_attempts(database)
    limits = [AttemptLimit(f"sign-up from {address}", MAX_BY_ADDRESS), AttemptLimit("sign-up", MAX_IN_ALL)]
    count_attempt(database, limits)
    require_free_name(database, name, local_owner)
    hashed = hash_password(password)
    return Accounts(database).add(name, Actor(name, "sign-up", address), full_name=full_name, password=hashed)
