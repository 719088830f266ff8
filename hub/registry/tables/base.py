"""The base of all tables. Imported only for writing and for creating the schema: importing SQLAlchemy's ORM takes 0.3 s."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import sqlalchemy
from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, String
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

TEXT = String().with_variant(String(collation="C"), "postgresql")
"""Text that PostgreSQL sorts by bytes, like SQLite."""
WHOLE = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer, because files can be larger than 2 GB; SQLite's INTEGER always has 64 bits."""


class Time(TypeDecorator[datetime]):
    """A time, stored in UTC without a zone, because SQLite has none; see `hub.registry.database.clock`."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Convert to UTC and drop the zone."""
        assert value is None or value.tzinfo is not None, "every time has a zone"
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Restore the zone."""
        return value and value.replace(tzinfo=UTC)


class Table(DeclarativeBase):
    """The base of all tables."""

    type_annotation_map = {str: TEXT, int: WHOLE, datetime: Time, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012 - read by SQLAlchemy


def table_of(rows: type[Table]) -> sqlalchemy.Table:
    """Return the table of a class of rows, for statements without the ORM."""
    return cast("sqlalchemy.Table", rows.__table__)
