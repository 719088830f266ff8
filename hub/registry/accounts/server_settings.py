"""What all workers of a server must agree on: made once, by whoever needs it first."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from hub.registry.accounts.audit import note
from hub.registry.accounts.permissions import Actor

if TYPE_CHECKING:
    from hub.registry.database.database import Database

SIGNING_KEY = "signing-key"
EPOCH = "cas-epoch"


def signing_key(database: Database) -> bytes:
    """Signs links and the tokens of uploads."""
    return bytes.fromhex(_setting(database, SIGNING_KEY))


def epoch(database: Database) -> str:
    """Part of every `casUrl`; a restore changes it, and clients forget what they believe is here."""
    return _setting(database, EPOCH)[:12]


def renew_epoch(database: Database) -> None:
    """After bytes were lost or brought back: make clients send their xorbs again."""
    database.execute("DELETE FROM settings WHERE name = :name", {"name": EPOCH})


def find_setting(database: Database, name: str) -> str | None:
    """What an administrator has set; None for what nobody has."""
    rows = database.rows("SELECT value FROM settings WHERE name = :name", {"name": name})
    return str(rows[0][0]) if rows else None


def change_setting(database: Database, name: str, value: str, actor: Actor) -> None:
    """Set something for all workers, and write down who did."""
    from hub.registry.tables.accounts import SettingRow

    with database.transaction() as session:
        session.merge(SettingRow(name=name, value=value))
        note(session, actor, "setting", name, value=value)


def _setting(database: Database, name: str) -> str:
    if (known := find_setting(database, name)) is not None:
        return known
    made = {"name": name, "value": secrets.token_hex(32)}
    database.execute("INSERT INTO settings (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING", made)
    return _setting(database, name)
