"""Convert times: aware and in UTC in Python, without a zone in SQL, because SQLite has none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload

UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""Stored for an unknown time; sorts as the oldest."""


def utc_now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


def to_column(time: datetime) -> str:
    """Format a time as an SQL value, as SQLAlchemy stores it in SQLite and PostgreSQL parses it."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


@overload
def from_column(text: str) -> datetime: ...
@overload
def from_column(text: None) -> None: ...
def from_column(text: str | None) -> datetime | None:
    """Parse a time from a row; None for NULL."""
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def known_time(text: str) -> datetime | None:
    """Like `from_column`, but None for UNDATED."""
    time = from_column(text)
    return None if time == UNDATED else time
