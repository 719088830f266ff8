"""The base of all tables. Imported for writing and creating only: SQLAlchemy's ORM costs 0.3 s to import."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, String
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

TEXT = String().with_variant(String(collation="C"), "postgresql")
"""Sorted by its bytes, in PostgreSQL as in SQLite."""
WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits: files may be larger than 2 GB. SQLite's INTEGER has them anyway."""


class Time(TypeDecorator[datetime]):
    """A time, kept in UTC without its zone, which SQLite does not know; see `hub.registry.database.clock`."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's own
        """Drop the zone. A time without one would be in nobody knows which."""
        assert value is None or value.tzinfo is not None, "every time has a zone"
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's own
        """Put the zone back."""
        return value and value.replace(tzinfo=UTC)


class Table(DeclarativeBase):
    """The base of all tables."""

    type_annotation_map = {str: TEXT, int: WHOLE, datetime: Time, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012 - SQLAlchemy's own protocol
