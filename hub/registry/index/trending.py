"""What is wanted now: every download and like counts, half as much two weeks later.

Kept as a sum of 2^(weeks since 2026-01-01 / 2), to which events only add: its order is the order of today at any time, so
that an index keeps it and nothing has to be recomputed. A double has room for it until 2065.
"""

from __future__ import annotations

from datetime import UTC, datetime

HALF_LIFE_DAYS = 14.0
LIKE = 10.0
"""Downloads that a like counts as."""
_ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


def weight(now: datetime | None = None) -> float:
    """What one download adds to the sum."""
    age_days = ((now or datetime.now(UTC)) - _ORIGIN).total_seconds() / 86_400
    return float(2.0 ** (age_days / HALF_LIFE_DAYS))


def score(total: float, now: datetime | None = None) -> float:
    """The sum in downloads of today."""
    return total / weight(now)
