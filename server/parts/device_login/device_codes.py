"""OAuth device authorization (RFC 8628): a device shows a short code, a signed-in user approves or denies it, the device polls."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from hub.errors import InvalidRequest
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import TOKEN_ROLES, Account, Actor
from hub.registry.accounts.secrets import new_secret, sha256_of
from hub.registry.database.clock import to_column, utc_now
from server.parts.device_login.refresh_tokens import TokenGrant, issue

if TYPE_CHECKING:
    from hub.registry.database.database import Database
    from server.parts.device_login.tables import DeviceRow

LIFETIME = timedelta(minutes=15)
"""Time during which a code can be used."""
INTERVAL_S = 2
"""Seconds between two polls; a poll that comes sooner adds SLOW_DOWN_S. RFC 8628 leaves the first to the server."""
SLOW_DOWN_S = 5
_EARLY_S = 0.5
"""Seconds by which a poll can arrive early because of network jitter."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that codes never spell words, and no letters that look like digits (RFC 8628, section 6.1)."""
CODE_LENGTH = 8
"""20⁸ possible codes, each valid for 15 minutes."""
PREFIX = "lhd_"

TokenError = Literal["authorization_pending", "slow_down", "expired_token", "access_denied", "invalid_grant"]
"""OAuth error codes for a refused token request."""


class UnknownCode(InvalidRequest):
    """The user code is wrong, expired or already used."""

    status = 404

    def __init__(self, user_code: str) -> None:
        super().__init__(f"code `{user_code[:40]}` is wrong or expired: run `hf auth login` again to get a new one.")


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A new pair of codes: the secret one for the device and the one that it shows to the user."""

    device_code: str
    user_code: str
    seconds: int
    interval_s: int


@dataclass(frozen=True, slots=True)
class Device:
    """A device that waits for authorization."""

    user_code: str
    client: str
    address: str


class Devices:
    """Pending and answered device logins."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def start(self, client: str, address: str) -> DeviceCode:
        """Start a login. Also deletes logins that expired long ago."""
        from server.parts.device_login.tables import DeviceRow

        before = to_column(utc_now() - 2 * LIFETIME)
        self.database.execute("DELETE FROM devices WHERE created_at < :before", {"before": before})
        secret, code = new_secret(PREFIX), "".join(secrets.choice(_LETTERS) for _ in range(CODE_LENGTH))
        with self.database.transaction() as transaction:
            transaction.add(
                DeviceRow(
                    sha256=sha256_of(secret), user_code=code, client=client, address=address, created_at=utc_now(), polled_at=None,
                    interval_s=INTERVAL_S, status="pending", role="", account_id=None,
                )
            )  # fmt: skip
        return DeviceCode(secret, format_code(code), int(LIFETIME.total_seconds()), INTERVAL_S)

    def get(self, user_code: str) -> Device:
        """Return the device that waits with a user code, in any spelling. Raises UnknownCode, also for a used code."""
        rows = self.database.rows(
            "SELECT * FROM devices WHERE user_code = :code AND status = 'pending' AND created_at > :after",
            {"code": normalise_code(user_code), "after": to_column(utc_now() - LIFETIME)},
        )
        if not rows:
            raise UnknownCode(user_code)
        row = rows[0]
        return Device(format_code(row["user_code"]), row["client"], row["address"])

    def answer(self, user_code: str, account: Account, role: str, actor: Actor) -> Device:
        """Authorize the device as `account`, with a token of `role`; an empty role denies access. Raises UnknownCode, InvalidRequest."""
        from sqlalchemy import select

        from server.parts.device_login.tables import DeviceRow

        if role and role not in TOKEN_ROLES:
            raise InvalidRequest(f"unknown token role {role[:40]!r}: choose one of {', '.join(TOKEN_ROLES)}.")
        device = self.get(user_code)
        with self.database.transaction() as transaction:
            waiting = (DeviceRow.user_code == normalise_code(user_code)) & (DeviceRow.status == "pending")
            row = transaction.scalar(select(DeviceRow).where(waiting))
            if row is None:
                raise UnknownCode(user_code)
            row.account_id, row.role, row.status = account.id, role, "accepted" if role else "denied"
            action = "device.accept" if role else "device.deny"
            log_action(transaction, actor, action, account.name, role=role, client=row.client, address=row.address)
        return device

    def redeem(self, device_code: str, client: str, label: str, address: str) -> TokenGrant | TokenError:
        """Return tokens for an authorized device, once; otherwise the OAuth error code."""
        from hub.registry.tables.accounts import AccountRow
        from server.parts.device_login.tables import DeviceRow

        with self.database.transaction() as transaction:
            row = transaction.get(DeviceRow, sha256_of(device_code))
            if row is None or row.client != client:
                return "invalid_grant"
            if row.created_at < utc_now() - LIFETIME:
                return "expired_token"
            if row.status == "denied":
                return "access_denied"
            if row.status == "pending":
                return _poll(row)
            account = Accounts(self.database).get(transaction.get_one(AccountRow, row.account_id).name)
            if account.removed_at is not None:
                return "access_denied"
            grant = issue(transaction, account, Actor(account.name, "device", address), role=row.role, label=label)
            transaction.delete(row)
        return grant


def normalise_code(user_code: str) -> str:
    """Return an entered code as it is stored: upper case, letters only."""
    return "".join(each for each in user_code[:100].upper() if each in _LETTERS)


def format_code(user_code: str) -> str:
    """Return a code as it is shown: `BCDF-GHJK`."""
    return f"{user_code[:4]}-{user_code[4:]}"


def _poll(row: DeviceRow) -> TokenError:
    now = utc_now()
    too_soon = row.polled_at is not None and (now - row.polled_at).total_seconds() < row.interval_s - _EARLY_S
    row.polled_at = now
    if too_soon:
        row.interval_s += SLOW_DOWN_S
        return "slow_down"
    return "authorization_pending"
