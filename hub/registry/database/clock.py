"""Times: aware and in UTC everywhere in Python, without their zone in SQL, which SQLite has no zones for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload

UNDATED = datetime(1970, 1, 1, tzinfo=UTC)
"""Kept for a time that is not known; it sorts as the oldest."""


def utc_now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def to_column(time: datetime) -> str:
    """A time as a value of SQL: as SQLAlchemy keeps it in SQLite, and as PostgreSQL reads it."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


@overload
def from_column(text: str) -> datetime: ...
@overload
def from_column(text: None) -> None: ...
def from_column(text: str | None) -> datetime | None:
    """A time as a row has it; None for NULL."""
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def known_time(text: str) -> datetime | None:
    """As `from_column`; None for UNDATED."""
    time = from_column(text)
    return None if time == UNDATED else time
