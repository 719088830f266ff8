"""Moments as the Hub protocol writes them: RFC 3339 with milliseconds and `Z`, the one form that the client parses."""

from __future__ import annotations

from datetime import UTC, datetime

_EPOCH = "1970-01-01T00:00:00.000Z"


def to_rfc3339(moment: datetime | None) -> str | None:
    """The moment; None for none."""
    if moment is None:
        return None
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def rfc3339_or_epoch(moment: datetime | None) -> str:
    """The moment, where the client insists on one: the epoch for none."""
    return to_rfc3339(moment) or _EPOCH
