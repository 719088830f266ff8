"""Throttle login attempts: passwords and device codes. All workers of a server share the counts.

Targets are stored as keyed digests, because a user may have typed the password into the name field.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hub.errors import RateLimited
from hub.registry.accounts.server_settings import signing_key
from hub.registry.database.clock import from_column, to_column, utc_now

if TYPE_CHECKING:
    from hub.registry.database.database import Database

WINDOW = timedelta(minutes=15)
"""Attempts are counted together for this long after the first of them."""


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """A target that allows `max_attempts` attempts within the window."""

    target: str
    max_attempts: int


def count_attempt(database: Database, limits: list[AttemptLimit]) -> None:
    """Count one attempt against each limit, before the password or code is checked.

    Counting first means that a hundred simultaneous attempts are a hundred attempts. Raises `RateLimited` when a limit is
    exceeded; the caller must then not check the password or code.
    """
    now = utc_now()
    waits = [wait for limit in limits if (wait := _count(database, limit, now)) is not None]
    if waits:
        seconds = max(1, *waits)
        raise RateLimited(f"too many attempts: wait {-(-seconds // 60)} minutes, then try again.", seconds)


def reset_attempts(database: Database, limits: list[AttemptLimit]) -> None:
    """Reset the counts after a successful login."""
    for limit in limits:
        database.execute("DELETE FROM login_attempts WHERE target = :target", {"target": _digest(database, limit)})


def forget_old_attempts(database: Database) -> None:
    """Delete the counts of windows that have passed."""
    before = to_column(utc_now() - WINDOW)
    database.execute("DELETE FROM login_attempts WHERE since < :before", {"before": before})


def _count(database: Database, limit: AttemptLimit, now: datetime) -> int | None:
    """Count one attempt; return the seconds to wait when the limit is exceeded, otherwise None."""
    values = {"target": _digest(database, limit), "now": to_column(now), "before": to_column(now - WINDOW)}
    database.execute(
        "INSERT INTO login_attempts (target, count, since) VALUES (:target, 1, :now) ON CONFLICT (target) DO UPDATE SET "
        "count = CASE WHEN login_attempts.since < :before THEN 1 ELSE login_attempts.count + 1 END, "
        "since = CASE WHEN login_attempts.since < :before THEN excluded.since ELSE login_attempts.since END",
        values,
    )
    rows = database.rows("SELECT count, since FROM login_attempts WHERE target = :target", {"target": values["target"]})
    if not rows or rows[0]["count"] <= limit.max_attempts:
        return None
    return int((from_column(rows[0]["since"]) + WINDOW - now).total_seconds())


def _digest(database: Database, limit: AttemptLimit) -> str:
    return hmac.new(signing_key(database), limit.target.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
