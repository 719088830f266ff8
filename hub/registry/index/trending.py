"""Trending score: downloads and likes with a half-life of 14 days.

Stored as a sum of 2^(weeks since 2026-01-01 / 2), one term per event. Its order does not change with time, so it can be
indexed and is never recomputed. A double overflows in 2065.
"""

from __future__ import annotations

from datetime import UTC, datetime

HALF_LIFE_DAYS = 14.0
LIKE = 10.0
"""Weight of a like, in downloads."""
_ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


def weight(now: datetime | None = None) -> float:
    """Return the weight of one download now."""
    age_days = ((now or datetime.now(UTC)) - _ORIGIN).total_seconds() / 86_400
    return float(2.0 ** (age_days / HALF_LIFE_DAYS))


def score(total: float, now: datetime | None = None) -> float:
    """Convert a stored sum to a number of downloads today."""
    return total / weight(now)
