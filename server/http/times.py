"""Times as the Hub protocol writes them: RFC 3339 with milliseconds and `Z`, the only format that the client parses."""

from __future__ import annotations

from datetime import UTC, datetime


def to_rfc3339(moment: datetime | None) -> str | None:
    """Return the time in the protocol's format; None for None."""
    if moment is None:
        return None
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def rfc3339_or_epoch(moment: datetime | None) -> str:
    """Return the time, or the epoch for None where the client needs a time."""
    return to_rfc3339(moment) or "1970-01-01T00:00:00.000Z"
