"""Format times for the Hub protocol: RFC 3339 with milliseconds and `Z`, the only format that the client parses."""

from __future__ import annotations

from datetime import UTC, datetime


def to_rfc3339(time: datetime | None) -> str | None:
    """Return the time in the protocol's format; None for None."""
    if time is None:
        return None
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def rfc3339_or_epoch(time: datetime | None) -> str:
    """Return the time in the protocol's format; the epoch for None, for fields that the client requires."""
    return to_rfc3339(time) or "1970-01-01T00:00:00.000Z"
