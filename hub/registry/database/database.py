"""The interface of a database, implemented by `hub.registry.database.sqlite` and `hub.registry.database.postgres`.

Queries are SQL that both databases understand, with `:name` for parameters; see docs/internals/database.md. SQLAlchemy is imported only
for writing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from hub.registry.database.schema import is_current

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

TIMEOUT_S = 30.0
"""How long a writer waits for another one, in seconds."""


class ResultRow(Protocol):
    """A row of a result, with values by position and by column name."""

    def __getitem__(self, key: int | str, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...

    def keys(self) -> Collection[str]:
        """Return the names of the columns."""


MAX_PREFIX = 8
"""Length of the longest prefixes that the text index has lists for, in characters."""


def is_index_word(term: str) -> bool:
    """Return whether a term is a word of `hub.registry.index.tags`, which occurs as it is, and not the prefix of a word."""
    return term.startswith("_")


def is_whole(term: str) -> bool:
    """Return whether a term of a group must occur as it is: an index word, or a word that is too long for a list of its prefix."""
    return is_index_word(term) or len(term) > MAX_PREFIX


class Database(ABC):
    """The tables of the registry. Threads may share it."""

    product: ClassVar[str]
    """Name of the database program."""
    backup_name: ClassVar[str]
    """Name of the file that `backup` writes."""
    skip_locked: ClassVar[str]
    """SQL at the end of a SELECT that skips rows locked by another transaction; empty if not needed."""
    is_local: ClassVar[bool]
    """Whether queries read a file of this machine, and no other process has to answer."""
    reads_lists_on_demand: ClassVar[bool]
    """Whether `match_ids` with a limit reads the text index no further than needed."""

    def __init__(self, address: str) -> None:
        """`address`: a path, or a URL without its password, for messages."""
        self.address = address
        self._engine: Engine | None = None

    def prepare(self) -> None:
        """Create the tables, or migrate them to this version's schema; nothing happens if they are current."""
        if not is_current(self.version(), self.address):
            from hub.registry.database.schema import migrate

            with self._through_sqlalchemy(), self.engine.connect() as connection:
                migrate(connection)

    def create_missing_tables(self) -> None:
        """Create the tables of parts that were installed after the registry was created."""
        from hub.registry.database.schema import all_tables

        with self._through_sqlalchemy(), self.engine.begin() as connection:
            all_tables().create_all(connection)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a session that commits at the end, or rolls back on an error. Writers wait for each other at the beginning."""
        from sqlalchemy.orm import Session

        with self._through_sqlalchemy(), Session(self.engine) as session, session.begin():
            yield session

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine. Its transactions take the write lock at their beginning."""
        if self._engine is None:
            self._engine = self._make_engine()
        return self._engine

    def close(self) -> None:
        """Close all connections. The next use opens new ones."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @abstractmethod
    def version(self) -> str:
        """Return the schema version of the database, which may be older or newer; empty if it has no tables."""

    @abstractmethod
    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[ResultRow]:
        """Run a query and return all rows."""

    @abstractmethod
    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """Run one statement and commit."""

    def execute_unless_busy(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """Run one statement and commit, but not if that would wait for another writer: for optional writes of readers."""
        self.execute(sql, values)

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[None]:
        """Return a context in which all `rows` of this thread see the same state."""

    def in_order(self) -> AbstractContextManager[None]:
        """Return a context, inside of a snapshot, for queries whose first rows are read in the order of an index, not sorted."""
        return nullcontext()

    @abstractmethod
    def in_list(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """Return an SQL condition that `column` is one of any number of `values`, and its parameter, called `name`."""

    @abstractmethod
    def in_set(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """Like `in_list`, for a condition on the rows of an index that is read in its own order."""

    @abstractmethod
    def listed(self, ids: Sequence[int], name: str) -> tuple[str, dict[str, Any]]:
        """Return an SQL subquery of any number of `ids` in a column `id`, and its parameter, called `name`."""

    @abstractmethod
    def in_turn(self, first: str, second: str) -> str:
        """Return the SQL condition on `artifacts` that two conditions hold, of which the first needs only the id, the second the row.

        Columns of the row have no table's name in `second`.
        """

    @abstractmethod
    def match_ids(self, words: Sequence[str], facets: Sequence[Sequence[str]], limit: int) -> list[int]:
        """Return up to `limit` + 1 ids of artifacts with a word for each prefix in `words` and a match in each group.

        A group of `facets` has terms that must occur as they are (see `is_whole`), and prefixes of words.
        """

    def estimate(
        self,
        words: Sequence[str],  # noqa: ARG002 - PostgreSQL has statistics.
        facets: Sequence[Sequence[str]],  # noqa: ARG002
        found: Sequence[int],
        artifacts: int,
    ) -> float:
        """Return about how many of all artifacts `match_ids` would return without a limit.

        `found`: what it returned with one; further matches are supposed to be as far apart. `artifacts`: the number of all artifacts.
        """
        return len(found) / (max(found) - min(found) + 1) * artifacts if found else 0.0

    @abstractmethod
    def match_condition(self, words: Sequence[str], facets: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
        """Return the condition of `match_ids` as SQL about a row of `artifacts`, and its parameters."""

    @abstractmethod
    def backup(self, folder: Path) -> Path:
        """Write a consistent copy into `folder`, while others read and write. Return the file."""

    @abstractmethod
    def restore(self, file: Path) -> None:
        """Restore a file written by `backup`. Raises InvalidRequest if this database is not empty."""

    @abstractmethod
    def translate_errors(self) -> AbstractContextManager[None]:
        """Return a context that converts errors of the driver to project errors."""

    @abstractmethod
    def _make_engine(self) -> Engine: ...

    @contextmanager
    def _through_sqlalchemy(self) -> Iterator[None]:
        """Like `translate_errors`, for errors that SQLAlchemy has wrapped."""
        from sqlalchemy.exc import DBAPIError

        with self.translate_errors():
            try:
                yield
            except DBAPIError as error:
                raise error.orig or error from error
