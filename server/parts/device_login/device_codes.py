"""Logins of devices, RFC 8628: a program shows a short code, a person who is logged in says yes or no, the program asks until then."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from hub.errors import WrongRequest
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.audit import note
from hub.registry.accounts.permissions import TOKEN_ROLES, Account, Actor
from hub.registry.accounts.secrets import new_secret, sha256_of
from hub.registry.database.clock import from_column, to_column, utc_now
from server.parts.device_login.refresh_tokens import Grant, give

if TYPE_CHECKING:
    from hub.registry.database.database import Database

LASTS = timedelta(minutes=15)
"""How long a code can be confirmed."""
INTERVAL_S = 2
"""Seconds between two questions of a program; each that comes sooner adds SLOWER_S. RFC 8628 lets the server choose."""
SLOWER_S = 5
_EARLY_S = 0.5
"""How much sooner than that a question may arrive: networks are uneven."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no word appears, and nothing that looks like a digit (RFC 8628, section 6.1)."""
CODE_LETTERS = 8
"""20⁸ codes live for a quarter of an hour."""
PREFIX = "lhd_"

Refusal = Literal["authorization_pending", "slow_down", "expired_token", "access_denied", "invalid_grant"]
"""Why there is no token, in OAuth's words."""


class UnknownCode(WrongRequest):
    """No device shows this code, or not any more."""

    status = 404

    def __init__(self, user_code: str) -> None:
        super().__init__(
            f"no device shows the code `{user_code[:40]}`, or not any more: let it ask again, `hf auth login`."
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a device is told: the code that it keeps, and the one that it shows."""

    device_code: str
    user_code: str
    seconds: int
    interval_s: int


@dataclass(frozen=True, slots=True)
class Device:
    """A program that waits for an answer."""

    user_code: str
    client: str
    address: str
    created_at: datetime


class Devices:
    """Programs that ask to be let in."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def ask(self, client: str, address: str) -> Asked:
        """Begin a login; those that are long over are forgotten."""
        from server.parts.device_login.tables import DeviceRow

        before = to_column(utc_now() - 2 * LASTS)
        self.database.execute("DELETE FROM devices WHERE created_at < :before", {"before": before})
        secret, code = new_secret(PREFIX), "".join(secrets.choice(_LETTERS) for _ in range(CODE_LETTERS))
        with self.database.transaction() as transaction:
            transaction.add(
                DeviceRow(
                    sha256=sha256_of(secret), user_code=code, client=client, address=address, created_at=utc_now(), polled_at=None,
                    interval_s=INTERVAL_S, status="pending", role="", account_id=None,
                )
            )  # fmt: skip
        return Asked(secret, spelt(code), int(LASTS.total_seconds()), INTERVAL_S)

    def get(self, user_code: str) -> Device:
        """The device that shows this code, however it was typed. Raises UnknownCode, also for one that was answered."""
        rows = self.database.rows(
            "SELECT * FROM devices WHERE user_code = :code AND status = 'pending' AND created_at > :after",
            {"code": plain(user_code), "after": to_column(utc_now() - LASTS)},
        )
        if not rows:
            raise UnknownCode(user_code)
        row = rows[0]
        return Device(spelt(row["user_code"]), row["client"], row["address"], from_column(row["created_at"]))

    def answer(self, user_code: str, account: Account, role: str, actor: Actor) -> Device:
        """Let the device in as `account`, with a token of `role`; an empty one turns it away. Raises UnknownCode."""
        from sqlalchemy import select

        from server.parts.device_login.tables import DeviceRow

        if role and role not in TOKEN_ROLES:
            raise WrongRequest(f"{role[:40]!r} is no role of a token: choose one of {', '.join(TOKEN_ROLES)}.")
        device = self.get(user_code)
        with self.database.transaction() as transaction:
            waiting = (DeviceRow.user_code == plain(user_code)) & (DeviceRow.status == "pending")
            row = transaction.scalar(select(DeviceRow).where(waiting))
            if row is None:
                raise UnknownCode(user_code)
            row.account_id, row.role, row.status = account.id, role, "accepted" if role else "denied"
            action, detail = ("accept" if role else "deny"), {"client": row.client, "address": row.address}
            note(transaction, actor, f"device.{action}", account.name, role=role, **detail)
        return device

    def redeem(self, device_code: str, client: str, label: str, address: str) -> Grant | Refusal:
        """A token for a device that was let in, once; else why not."""
        from hub.registry.tables.accounts import AccountRow
        from server.parts.device_login.tables import DeviceRow

        with self.database.transaction() as transaction:
            row = transaction.get(DeviceRow, sha256_of(device_code))
            if row is None or row.client != client:
                return "invalid_grant"
            if row.created_at < utc_now() - LASTS:
                return "expired_token"
            if row.status == "denied":
                return "access_denied"
            if row.status == "pending":
                return _wait(row, utc_now())
            account = Accounts(self.database).get(transaction.get_one(AccountRow, row.account_id).name)
            if account.removed_at is not None:
                return "access_denied"
            grant = give(transaction, account, Actor(account.name, "device", address), role=row.role, label=label)
            transaction.delete(row)
        return grant


def plain(user_code: str) -> str:
    """A code as it is kept, whatever people type between its letters."""
    return "".join(each for each in user_code[:100].upper() if each in _LETTERS)


def spelt(user_code: str) -> str:
    """A code as people read it: `BCDF-GHJK`."""
    return f"{user_code[:4]}-{user_code[4:]}"


def _wait(row: Any, now: datetime) -> Refusal:
    too_soon = row.polled_at is not None and (now - row.polled_at).total_seconds() < row.interval_s - _EARLY_S
    row.polled_at = now
    if too_soon:
        row.interval_s += SLOWER_S
        return "slow_down"
    return "authorization_pending"
