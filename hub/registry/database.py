"""What a database does for the registry, and opening the one that an address names.

Questions are SQL that both databases read, with `:name` for values; see docs/storage.md. SQLAlchemy and psycopg are
imported only by those who write, and by those who ask PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hub.errors import WrongRequest

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

PATIENCE_S = 30.0
"""How long a writer waits for another one."""
_POSTGRES = ("postgresql://", "postgres://", "postgresql+psycopg://")


class Row(Protocol):
    """One answer: values by position and by the column's name."""

    def __getitem__(self, key: int | str, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...

    def keys(self) -> Collection[str]:
        """Names of the columns."""


class Database(Protocol):
    """The tables of the registry. Threads may share one; each gets a connection of its own."""

    address: str
    """What messages call it: a path, or a URL without its password."""
    backup_name: str
    """The file that `backup` writes."""
    skip_locked: str
    """SQL that ends a choice of rows to be changed: those that somebody else is changing are passed by."""

    def prepare(self) -> None:
        """Create the tables, or bring them to this version's schema; nothing happens when they are there already."""

    def version(self) -> str:
        """Which schema the database has, older and newer ones included; empty when it has none."""

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """All answers to one question."""

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """One small change, committed at once."""

    def snapshot(self) -> AbstractContextManager[None]:
        """All `rows` of this thread inside see one state of the registry."""

    def transaction(self) -> AbstractContextManager[Session]:
        """A session that commits at the end, or leaves nothing. Writers queue at its beginning."""

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's side of the same tables."""

    def close(self) -> None:
        """Give back every connection. The next use opens new ones."""

    def one_of(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """SQL for `column` being one of `values`, however many, and the value that it needs under `name`."""

    def matching(self, words: Sequence[str], facets: Sequence[Sequence[str]], limit: int) -> list[int]:
        """Ids of artifacts that have every word's beginning and, of each group of facets, one: `limit` and one, at most."""

    def has(self, words: Sequence[str], facets: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
        """The same as SQL about a row of `artifacts`, and the values that it needs."""

    def backup(self, folder: Path) -> Path:
        """Write a copy of one state of the registry into `folder`, while others go on writing; its file."""

    def restore(self, file: Path) -> None:
        """Make the content of a file of `backup` this database's. Raises WrongRequest when there is something in it."""


def open_database(address: str | Path) -> Database:
    """The database at a path, a `sqlite:///PATH` or a `postgresql://` URL. Nothing is created yet.

    Raises WrongRequest for other addresses, MissingExtra when psycopg is not installed.
    """
    text = str(address)
    if text.startswith(_POSTGRES):
        from hub.registry.postgres import PostgresDatabase

        return PostgresDatabase(text)
    if "://" in text and not text.startswith("sqlite:///"):
        raise WrongRequest(
            f"{text.partition('://')[0]!r} registries are not served: give a path, sqlite:///PATH or postgresql://HOST/NAME."
        )
    from hub.registry.sqlite import SqliteDatabase

    return SqliteDatabase(Path(text.removeprefix("sqlite:///")))
