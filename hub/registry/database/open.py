"""Open the database that an address names. psycopg and SQLAlchemy are imported for PostgreSQL alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import InvalidRequest

if TYPE_CHECKING:
    from hub.registry.database.database import Database

_POSTGRES = ("postgresql://", "postgres://", "postgresql+psycopg://")


def open_database(address: str | Path) -> Database:
    """The database at a path, a `sqlite:///PATH` or a `postgresql://` URL. Nothing is created yet.

    Raises InvalidRequest for other addresses, MissingExtra when psycopg is not installed.
    """
    text = str(address)
    if text.startswith(_POSTGRES):
        from hub.registry.database.postgres import PostgresDatabase

        return PostgresDatabase(text)
    if "://" in text and not text.startswith("sqlite:///"):
        raise InvalidRequest(
            f"{text.partition('://')[0]!r} registries are not served: give a path, sqlite:///PATH or postgresql://HOST/NAME."
        )
    from hub.registry.database.sqlite import SqliteDatabase

    return SqliteDatabase(Path(text.removeprefix("sqlite:///")))
