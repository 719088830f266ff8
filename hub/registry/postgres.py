"""PostgreSQL, for a registry that many machines share.

Reading goes through psycopg and the same SQL as SQLite's, writing through SQLAlchemy's typed tables. Rows look alike:
times and JSON come as text.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import Damaged, DiskFull, HubError, MissingExtra, Unreachable, WrongRequest
from hub.registry.database import PATIENCE_S
from hub.registry.schema import is_current, version_among

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.types.string import TextLoader
except ImportError as error:
    raise MissingExtra("postgres", "a registry in PostgreSQL") from error

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

CONNECT_S = 10
"""How long to wait for a server that does not answer."""
WRITING = 0x6C696E67
"""Key of the advisory lock that a writing transaction holds: writers queue, as in SQLite."""
_AS_TEXT = ("json", "timestamp")
_NAME = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


class PostgresDatabase:
    """The database that a `postgresql://` URL names. Threads may share it; each gets a connection of its own."""

    backup_name = "registry.pgdump"
    skip_locked = "FOR UPDATE SKIP LOCKED"

    def __init__(self, url: str) -> None:
        self._url = re.sub(r"^postgres(ql(\+psycopg)?)?://", "postgresql://", url)
        self.address = _without_password(self._url)
        self._local = threading.local()
        self._connections: list[psycopg.Connection[_Row]] = []
        self._engine: Engine | None = None

    def prepare(self) -> None:
        """Make the tables, or bring them to this version's schema."""
        if not is_current(self.version(), self.address):
            from hub.registry.schema import migrate

            with self._writing(), self.engine.connect() as connection:
                migrate(connection)

    def version(self) -> str:
        """Which schema the database has; empty when it has no tables."""
        tables = {row[0] for row in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")}
        return version_among(
            tables, lambda: next(iter(self.rows("SELECT version_num FROM alembic_version")), None), self.address
        )

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[_Row]:
        """All answers to one question."""
        with self.translated():
            found: list[_Row] = self._ask(sql, values, again=not self._is_in_snapshot()).fetchall()
            return found

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """One small change, committed at once."""
        with self.translated():
            self._ask(sql, values)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All `rows` of this thread inside see one state of the registry."""
        with self.translated():
            self._ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", None, again=True)
        try:
            yield
        finally:
            if not self._connection().closed:
                self.execute("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end, or leaves nothing. Writers queue at its beginning."""
        from sqlalchemy.orm import Session

        with self._writing(), Session(self.engine) as session, session.begin():
            yield session

    def one_of(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """As `Database.one_of`."""
        return f"{column} = ANY(:{name})", {name: list(values)}

    def matching(self, words: Sequence[str], facets: Sequence[Sequence[str]], limit: int) -> list[int]:
        """As `Database.matching`, in no order."""
        found = self.rows(
            "SELECT id FROM artifacts WHERE search @@ CAST(:asked AS tsquery) LIMIT :limit",
            {"asked": _asked(words, facets), "limit": limit + 1},
        )
        return [row[0] for row in found]

    def has(self, words: Sequence[str], facets: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
        """As `Database.has`."""
        return "search @@ CAST(:asked AS tsquery)", {"asked": _asked(words, facets)}

    def backup(self, folder: Path) -> Path:
        """A dump in PostgreSQL's own format, of one moment: readers and writers go on. Needs `pg_dump`."""
        target = folder / self.backup_name
        self._run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", "--dbname")
        return target

    def restore(self, file: Path) -> None:
        """Load a dump into a database that holds no artifacts. Needs `pg_restore`."""
        if self.version() and self.rows("SELECT id FROM artifacts LIMIT 1"):
            raise WrongRequest(f"{self.address} is no empty registry: name another database in DATABASE_URL.")
        self.close()
        self._run(
            "pg_restore", "--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction",
            str(file), "--dbname",
        )  # fmt: skip
        self.prepare()

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's side of the same tables. Its transactions take the writers' lock at their beginning."""
        if self._engine is None:
            from sqlalchemy import Connection, create_engine, event

            self._engine = create_engine(
                self._url.replace("postgresql://", "postgresql+psycopg://", 1),
                pool_pre_ping=True,
                connect_args={"connect_timeout": CONNECT_S, "prepare_threshold": None},
            )

            @event.listens_for(self._engine, "begin")
            def begin(connection: Connection) -> None:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE_S:.0f}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITING})")

        return self._engine

    def close(self) -> None:
        """Give back every connection. The next use opens new ones."""
        while self._connections:
            self._connections.pop().close()
        self._local = threading.local()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def translated(self) -> Iterator[None]:
        """PostgreSQL's complaints in our words."""
        try:
            yield
        except psycopg.IntegrityError:
            raise  # A constraint is our own assertion: breaking it is our bug, not the user's.
        except psycopg.Error as error:
            raise self._complaint(error) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """As `translated`, for errors that SQLAlchemy has wrapped."""
        from sqlalchemy.exc import DBAPIError

        with self.translated():
            try:
                yield
            except DBAPIError as error:
                raise error.orig if isinstance(error.orig, psycopg.Error) else error from error

    def _ask(self, sql: str, values: Mapping[str, Any] | None, *, again: bool = False) -> psycopg.Cursor[_Row]:
        """Ask; with `again`, once more on a new connection when the server has ended the old one."""
        connection = self._connection()
        values = {name: _without_nul(value) for name, value in (values or {}).items()}
        try:
            return connection.execute(_translate(sql).encode(), values)
        except psycopg.OperationalError:
            if not (again and connection.closed):
                raise
            return self._connection().execute(_translate(sql).encode(), values)

    def _is_in_snapshot(self) -> bool:
        return self._connection().info.transaction_status != psycopg.pq.TransactionStatus.IDLE

    def _connection(self) -> psycopg.Connection[_Row]:
        connection: psycopg.Connection[_Row] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg.connect(
                self._url, autocommit=True, row_factory=_row_factory, connect_timeout=CONNECT_S, prepare_threshold=None
            )
            for name in _AS_TEXT:
                connection.adapters.register_loader(name, TextLoader)
            self._local.connection = connection
            self._connections = [each for each in self._connections if not each.closed] + [connection]
        return connection

    def _run(self, command: str, *arguments: str) -> None:
        """One of PostgreSQL's own commands on this database; the password goes through the environment, not the arguments."""
        program = shutil.which(command)
        if program is None:
            raise WrongRequest(f"`{command}` is not installed: install PostgreSQL's client programs and try again.")
        password = conninfo_to_dict(self._url).get("password")
        environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
        done = subprocess.run(
            [program, *arguments, self.address], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = (done.stderr.strip() or f"exit {done.returncode}").splitlines()[0]
            raise Unreachable(f"`{command}` failed on {self.address}: {reason}.")

    def _complaint(self, error: psycopg.Error) -> HubError:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        if isinstance(error, psycopg.errors.LockNotAvailable):
            return Unreachable(f"{self.address} is busy: somebody has been writing for {PATIENCE_S:.0f} s. Try again.")
        if isinstance(error, psycopg.errors.DiskFull):
            return DiskFull(f"cannot write {self.address}: the disk is full. Nothing was changed.")
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return Unreachable(f"cannot use {self.address} ({reason}): look at DATABASE_URL and at the server.")
        return Damaged(f"{self.address} does not answer as a registry ({reason}): look at it with `hub doctor`.")


class _Row:
    """A row that gives its values by position and by name, as SQLite's does."""

    __slots__ = ("_places", "_values")

    def __init__(self, values: Sequence[Any], places: dict[str, int]) -> None:
        self._values = values
        self._places = places

    def __getitem__(self, key: int | str, /) -> Any:
        return self._values[self._places[key] if isinstance(key, str) else key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def keys(self) -> Collection[str]:
        """Names of the columns."""
        return self._places.keys()


def _row_factory(cursor: psycopg.Cursor[Any]) -> Any:
    places = {column.name: place for place, column in enumerate(cursor.description or ())}
    return lambda values: _Row(values, places)


@functools.lru_cache(maxsize=512)
def _translate(sql: str) -> str:
    """`:name` as psycopg writes it."""
    return _NAME.sub(r"%(\1)s", sql.replace("%", "%%"))


def _without_nul(value: Any) -> Any:
    """PostgreSQL's text holds no NUL and its driver refuses it: what is asked for with one is there for nobody."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _asked(words: Sequence[str], facets: Sequence[Sequence[str]]) -> str:
    """Words and groups of facets in PostgreSQL's query language."""
    groups = (f"({' | '.join(map(_quoted, group))})" for group in facets)
    return " & ".join([*(f"{_quoted(word)}:*" for word in words), *groups])


def _quoted(text: str) -> str:
    """A lexeme of PostgreSQL's query language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1@", url)
