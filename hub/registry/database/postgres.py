"""PostgreSQL, for a registry that many machines share.

Reading goes through psycopg and the same SQL as SQLite's, writing through SQLAlchemy's typed tables: SQLAlchemy Core with a
pool would take four times as long for a simple question (0.15 ms → 0.6 ms). Rows look alike: times and JSON come as text.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import DamagedFile, DiskFull, HubError, InvalidRequest, MissingExtra, Unreachable
from hub.registry.database.database import TIMEOUT_S, Database, ResultRow
from hub.registry.database.schema import version_among

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.types.string import TextLoader
except ImportError as error:
    raise MissingExtra("postgres", "a registry in PostgreSQL") from error

if TYPE_CHECKING:
    from sqlalchemy import Engine

CONNECT_S = 10
"""How long to wait for a server that does not answer."""
WRITING = 0x6C696E67
"""Key of the advisory lock that a writing transaction holds: writers queue, as in SQLite."""
_NAME = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


class PostgresDatabase(Database):
    """The database that a `postgresql://` URL names."""

    backup_name = "registry.pgdump"
    skip_locked = "FOR UPDATE SKIP LOCKED"

    def __init__(self, url: str) -> None:
        self._url = re.sub(r"^postgres(ql(\+psycopg)?)?://", "postgresql://", url)
        super().__init__(_without_password(self._url))

    def version(self) -> str:
        """Which schema the database has; empty when it has no tables."""
        tables = {row[0] for row in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")}
        return version_among(
            tables, lambda: next(iter(self.rows("SELECT version_num FROM alembic_version")), None), self.address
        )

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[ResultRow]:
        """As `Database.rows`."""
        with self.translated():
            found: list[ResultRow] = self._ask(sql, values, again=True).fetchall()
            return found

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """As `Database.execute`."""
        with self.translated():
            self._ask(sql, values)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """As `Database.snapshot`."""
        with self.translated():
            self._ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", again=True)
        connection = self._connection()
        try:
            yield
        finally:
            if not connection.closed:
                self.execute("ROLLBACK")

    def in_list(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """As `Database.in_list`."""
        return f"{column} = ANY(:{name})", {name: list(values)}

    def match_ids(self, words: Sequence[str], facets: Sequence[Sequence[str]], limit: int) -> list[int]:
        """As `Database.matching`, in no order."""
        found = self.rows(
            "SELECT id FROM artifacts WHERE search @@ CAST(:asked AS tsquery) LIMIT :limit",
            {"asked": _asked(words, facets), "limit": limit + 1},
        )
        return [row[0] for row in found]

    def match_condition(self, words: Sequence[str], facets: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
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
            raise InvalidRequest(f"{self.address} is no empty registry: name another database in DATABASE_URL.")
        self.close()
        self._run(
            "pg_restore", "--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction",
            str(file), "--dbname",
        )  # fmt: skip
        self.prepare()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """PostgreSQL's complaints in our words."""
        try:
            yield
        except psycopg.IntegrityError:
            raise  # A constraint is our own assertion: breaking it is our bug, not the user's.
        except psycopg.Error as error:
            raise self._complaint(error) from error

    def _ask(
        self, sql: str, values: Mapping[str, Any] | None = None, *, again: bool = False
    ) -> psycopg.Cursor[ResultRow]:
        """Ask; with `again`, once more on a new connection when the server has ended one that is in no snapshot."""
        connection: psycopg.Connection[ResultRow] = self._connection()
        in_snapshot = connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
        kept = {name: _without_nul(value) for name, value in (values or {}).items()}
        try:
            return connection.execute(_translate(sql), kept)
        except psycopg.OperationalError:
            if not connection.closed:
                raise
            self._drop(connection)
            if in_snapshot or not again:
                raise
            connection = self._connection()
            return connection.execute(_translate(sql), kept)

    def _connect(self) -> psycopg.Connection[ResultRow]:
        connection = psycopg.connect(
            self._url, autocommit=True, row_factory=_row_factory, connect_timeout=CONNECT_S, prepare_threshold=None
        )
        for name in ("json", "timestamp"):
            connection.adapters.register_loader(name, TextLoader)
        return connection

    def _make_engine(self) -> Engine:
        from sqlalchemy import Connection, create_engine, event

        engine = create_engine(
            self._url.replace("postgresql://", "postgresql+psycopg://", 1),
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_S, "prepare_threshold": None},
        )

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{TIMEOUT_S:.0f}s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITING})")

        return engine

    def _run(self, command: str, *arguments: str) -> None:
        """One of PostgreSQL's own commands on this database; the password goes through the environment, not the arguments."""
        program = shutil.which(command)
        if program is None:
            raise InvalidRequest(f"`{command}` is not installed: install PostgreSQL's client programs and try again.")
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
            return Unreachable(f"{self.address} is busy: somebody has been writing for {TIMEOUT_S:.0f} s. Try again.")
        if isinstance(error, psycopg.errors.DiskFull):
            return DiskFull(f"cannot write {self.address}: the disk is full. Nothing was changed.")
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return Unreachable(f"cannot use {self.address} ({reason}): look at DATABASE_URL and at the server.")
        return DamagedFile(f"{self.address} does not answer as a registry ({reason}): look at it with `hub doctor`.")


def _row_factory(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Any]:
    return _row_class(tuple(column.name for column in cursor.description or ()))


@functools.lru_cache(maxsize=512)
def _row_class(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """Rows that give their values by position and by name, as SQLite's do."""
    places = {name: place for place, name in enumerate(names)}

    class Named(tuple[Any, ...]):
        __slots__ = ()

        def __getitem__(self, key: Any, /) -> Any:
            return tuple.__getitem__(self, places[key] if isinstance(key, str) else key)

        def keys(self) -> Collection[str]:
            return names

    return Named


@functools.lru_cache(maxsize=512)
def _translate(sql: str) -> bytes:
    """`:name` as psycopg writes it."""
    return _NAME.sub(r"%(\1)s", sql.replace("%", "%%")).encode()


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
