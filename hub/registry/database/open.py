"""Open a database by path or URL. psycopg is imported only for PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import InvalidRequest

if TYPE_CHECKING:
    from hub.registry.database.database import Database

_POSTGRES = ("postgresql://", "postgres://", "postgresql+psycopg://")


def open_database(address: str | Path) -> Database:
    """Return the database at a path, a `sqlite:///PATH` or a `postgresql://` URL, without creating or connecting to it.

    Raises InvalidRequest for other addresses, MissingExtra if psycopg is not installed.
    """
    text = str(address)
    if text.startswith(_POSTGRES):
        from hub.registry.database.postgres import PostgresDatabase

        return PostgresDatabase(text)
    if "://" in text and not text.startswith("sqlite:///"):
        raise InvalidRequest(
            f"unsupported registry {text.partition('://')[0]!r}: use a path, sqlite:///PATH or postgresql://HOST/NAME."
        )
    from hub.registry.database.sqlite import SqliteDatabase

    return SqliteDatabase(Path(text.removeprefix("sqlite:///")))
