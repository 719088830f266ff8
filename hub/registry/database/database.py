"""What a database does for the registry: `hub.registry.database.sqlite` and `hub.registry.database.postgres` answer it alike.

Questions are SQL that both databases read, with `:name` for values; see docs/internals/database.md. SQLAlchemy is imported only by
those who write, and by those who ask PostgreSQL.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from hub.registry.database.schema import is_current

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

TIMEOUT_S = 30.0
"""How long a writer waits for another one."""


class ResultRow(Protocol):
    """One answer: values by position and by the column's name."""

    def __getitem__(self, key: int | str, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...

    def keys(self) -> Collection[str]:
        """Names of the columns."""


class Database(ABC):
    """The tables of the registry. Threads may share one; each reads on a connection of its own."""

    backup_name: ClassVar[str]
    """The file that `backup` writes."""
    skip_locked: ClassVar[str]
    """SQL that ends a choice of rows to be changed: those that somebody else is changing are passed by."""

    def __init__(self, address: str) -> None:
        """`address` is what messages call it: a path, or a URL without its password."""
        self.address = address
        self._local = local()
        self._connections: list[Any] = []
        self._engine: Engine | None = None

    def prepare(self) -> None:
        """Create the tables, or bring them to this version's schema; nothing happens when they are there already."""
        if not is_current(self.version(), self.address):
            from hub.registry.database.schema import migrate

            with self._through_sqlalchemy(), self.engine.connect() as connection:
                migrate(connection)

    def create_missing_tables(self) -> None:
        """Create tables of parts that were installed after the registry was made; nothing happens when there are none."""
        from hub.registry.database.schema import all_tables

        with self._through_sqlalchemy(), self.engine.begin() as connection:
            all_tables().create_all(connection)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end, or leaves nothing. Writers queue at its beginning."""
        from sqlalchemy.orm import Session

        with self._through_sqlalchemy(), Session(self.engine) as session, session.begin():
            yield session

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's side of the same tables. Its transactions take the writers' lock at their beginning."""
        if self._engine is None:
            self._engine = self._make_engine()
        return self._engine

    def close(self) -> None:
        """Give back every connection. The next use opens new ones."""
        while self._connections:
            self._connections.pop().close()
        self._local = local()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @abstractmethod
    def version(self) -> str:
        """Which schema the database has, older and newer ones included; empty when it has none."""

    @abstractmethod
    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[ResultRow]:
        """All answers to one question."""

    @abstractmethod
    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """One small change, committed at once."""

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """All `rows` of this thread inside see one state of the registry."""

    @abstractmethod
    def in_list(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """SQL for `column` being one of `values`, however many, and the value that it needs under `name`."""

    @abstractmethod
    def match_ids(self, words: Sequence[str], facets: Sequence[Sequence[str]], limit: int) -> list[int]:
        """Ids of artifacts that have every word's beginning and, of each group of facets, one: `limit` and one, at most."""

    @abstractmethod
    def match_condition(self, words: Sequence[str], facets: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
        """The same as SQL about a row of `artifacts`, and the values that it needs."""

    @abstractmethod
    def backup(self, folder: Path) -> Path:
        """Write a copy of one state of the registry into `folder`, while others go on writing; its file."""

    @abstractmethod
    def restore(self, file: Path) -> None:
        """Make the content of a file of `backup` this database's. Raises InvalidRequest when there is something in it."""

    @abstractmethod
    def translated(self) -> AbstractContextManager[None]:
        """The driver's complaints in our words."""

    def _connection(self) -> Any:
        """The driver's connection on which this thread reads."""
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
            self._connections.append(self._local.connection)
        return self._local.connection

    def _drop(self, connection: Any) -> None:
        """Let this thread open another connection in place of one that is broken."""
        self._connections.remove(connection)
        del self._local.connection

    @abstractmethod
    def _connect(self) -> Any: ...

    @abstractmethod
    def _make_engine(self) -> Engine: ...

    @contextmanager
    def _through_sqlalchemy(self) -> Iterator[None]:
        """As `translated`, for errors that SQLAlchemy has wrapped."""
        from sqlalchemy.exc import DBAPIError

        with self.translated():
            try:
                yield
            except DBAPIError as error:
                raise error.orig or error from error
