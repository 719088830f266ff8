"""Doors that may be tried a few times only: passwords, and the codes of devices. All workers of a server count together.

What was tried is kept as a keyed digest: somebody may have typed the password where the name belongs.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hub.errors import TooOften
from hub.registry.accounts.server_settings import signing_key
from hub.registry.database.clock import from_column, to_column, utc_now

if TYPE_CHECKING:
    from hub.registry.database.database import Database

WINDOW = timedelta(minutes=15)
"""How long tries are counted together, from the first of them."""


@dataclass(frozen=True, slots=True)
class Door:
    """Something that may be tried `most` times within the window."""

    name: str
    most: int


def try_doors(database: Database, doors: list[Door]) -> None:
    """Count one more try at each. Raises TooOften when one has been tried too often: then nothing must be looked at.

    Counting comes before looking, so that a hundred tries at once are a hundred tries.
    """
    now = utc_now()
    waits = [wait for door in doors if (wait := _count(database, door, now)) is not None]
    if waits:
        seconds = max(1, *waits)
        raise TooOften(f"too many tries: wait {-(-seconds // 60)} minutes, then try again.", seconds)


def forgive(database: Database, doors: list[Door]) -> None:
    """Forget the tries at doors that somebody had the key to."""
    for door in doors:
        database.execute("DELETE FROM guesses WHERE door = :door", {"door": _digest(database, door)})


def forget_old(database: Database) -> None:
    """Remove what is counted no longer."""
    before = to_column(utc_now() - WINDOW)
    database.execute("DELETE FROM guesses WHERE since < :before", {"before": before})


def _count(database: Database, door: Door, now: datetime) -> int | None:
    """Seconds to wait when the door was tried too often; None when it may be tried."""
    values = {"door": _digest(database, door), "now": to_column(now), "before": to_column(now - WINDOW)}
    database.execute(
        "INSERT INTO guesses (door, count, since) VALUES (:door, 1, :now) ON CONFLICT (door) DO UPDATE SET "
        "count = CASE WHEN guesses.since < :before THEN 1 ELSE guesses.count + 1 END, "
        "since = CASE WHEN guesses.since < :before THEN excluded.since ELSE guesses.since END",
        values,
    )
    rows = database.rows("SELECT count, since FROM guesses WHERE door = :door", {"door": values["door"]})
    if not rows or rows[0]["count"] <= door.most:
        return None
    return int((from_column(rows[0]["since"]) + WINDOW - now).total_seconds())


def _digest(database: Database, door: Door) -> str:
    return hmac.new(signing_key(database), door.name.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
