"""What an administrator can do. `hub admin` knows this alone, and so says the same wherever it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from hub.accounts import Account, Token
from hub.records import SigningKey
from hub.registry.audit import Entry
from hub.registry.deliveries import Delivery
from hub.registry.outbox import Debt

MOST_DAYS = 3650
"""Of a token that ends."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What an owner keeps, and may keep."""

    name: str
    used_bytes: int
    quota_bytes: int | None
    """None: any number."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A user in an organisation."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as far as others than its owner may know it: neither its secret nor all of its URL, which may hold another one."""

    id: str
    host: str
    watched: list[str]
    """Each as kind and name: `model ada/yo`."""
    disabled: bool


class Administration(Protocol):
    """Both implementations pass `tests/accounts/test_administration.py`. Errors are those of `hub.errors`, with the same words."""

    def users(self) -> list[Account]:
        """Everybody who has not been removed, by name."""

    def add_user(self, name: str, *, is_admin: bool, full_name: str, email: str) -> Account:
        """A new user. Raises Conflict when the name is taken."""

    def remove_user(self, name: str) -> Account:
        """Let nobody be this user any more. Raises WrongRequest for the last administrator."""

    def restore_user(self, name: str) -> Account:
        """Take that back."""

    def set_password(self, name: str, password: str) -> Account:
        """Let a user log in on pages; every browser is logged out."""

    def set_admin(self, name: str, *, is_admin: bool) -> Account:
        """Give a user the whole server, or take it away."""

    def tokens(self, name: str) -> list[Token]:
        """Of a user, newest first, worthless ones included."""

    def create_token(self, name: str, role: str, *, artifact: str, label: str, days: int | None) -> str:
        """The secret of a new token, which ends after some days or never."""

    def revoke_token(self, name: str, number: int) -> Token:
        """Make a token worthless. Raises UnknownToken."""

    def organisations(self) -> list[Account]:
        """All of them, by name."""

    def add_organisation(self, name: str, *, full_name: str) -> Account:
        """A new organisation. Raises Conflict when the name is taken."""

    def members(self, organisation: str) -> list[Membership]:
        """Who is in it."""

    def set_member(self, organisation: str, user: str, role: str) -> Membership:
        """Give a user a role there; an empty one takes the user out."""

    def quotas(self) -> list[Quota]:
        """Of everybody, by name."""

    def quota(self, name: str) -> Quota:
        """Of one owner."""

    def set_quota(self, name: str, quota_bytes: int | None) -> Quota:
        """Limit what an owner may keep; None takes the limit away."""

    def allow_any_file(self, name: str, *, allowed: bool) -> str:
        """Let an artifact hold files that may run code, or no longer; its full name."""

    def free_name(self, name: str) -> str:
        """Let a name be given again; the full name."""

    def webhooks(self, name: str) -> list[Hook]:
        """Of an account, oldest first."""

    def deliveries(self, webhook: str) -> list[Delivery]:
        """What a webhook was told of late, newest first. Raises UnknownWebhook."""

    def webhook_hosts(self) -> list[str]:
        """Hosts of the own network that webhooks may reach, sorted."""

    def allow_webhook_host(self, host: str, *, allowed: bool) -> str:
        """Let webhooks reach a host of the own network, or no longer; its name as it is kept."""

    def signing_keys(self, name: str) -> list[SigningKey]:
        """Of an account, oldest first, without what was revoked."""

    def add_signing_key(self, name: str, pem: str, *, label: str) -> SigningKey:
        """Let signatures by a key count for what the account owns. Raises WrongSignature, Conflict."""

    def revoke_signing_key(self, name: str, fingerprint: str) -> None:
        """Trust a key no longer for what comes. Raises UnknownSigningKey."""

    def outbox(self, *, limit: int) -> list[Debt]:
        """What is owed, oldest first, what was given up included."""

    def retry_outbox(self, task: str) -> int:
        """Make all of a task, or everything, due now; how many that are."""

    def audit(self, *, subject: str, limit: int) -> list[Entry]:
        """The newest changes first."""
