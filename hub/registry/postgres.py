"""PostgreSQL, for a registry that many machines share.

Reading goes through SQLAlchemy Core and the same SQL as SQLite's, writing through its typed tables. Rows look alike: times
and JSON come as text.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text

from hub.errors import Damaged, DiskFull, HubError, MissingExtra, Unreachable, WrongRequest
from hub.registry.database import PATIENCE_S, Database, Row
from hub.registry.schema import version_among

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.types.string import TextLoader
except ImportError as error:
    raise MissingExtra("postgres", "a registry in PostgreSQL") from error

CONNECT_S = 10
"""How long to wait for a server that does not answer."""
WRITING = 0x6C696E67
"""Key of the advisory lock that a writing transaction holds: writers queue, as in SQLite."""


class PostgresDatabase(Database):
    """The database that a `postgresql://` URL names."""

    backup_name = "registry.pgdump"
    skip_locked = "FOR UPDATE SKIP LOCKED"

    def __init__(self, url: str) -> None:
        self._url = re.sub(r"^postgres(ql(\+psycopg)?)?://", "postgresql://", url)
        super().__init__(_without_password(self._url))
        self._reader = _make_engine(self._url, isolation_level="AUTOCOMMIT")
        event.listen(self._reader, "connect", _read_as_text)

    def version(self) -> str:
        """Which schema the database has; empty when it has no tables."""
        tables = {row[0] for row in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")}
        return version_among(
            tables, lambda: next(iter(self.rows("SELECT version_num FROM alembic_version")), None), self.address
        )

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """As `Database.rows`."""
        with self._through_sqlalchemy(), self._connection() as connection:
            result = connection.execute(_statement(sql), _without_nul(values))
            return list(map(_row_class(tuple(result.keys())), result))

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """As `Database.execute`."""
        with self._through_sqlalchemy(), self._connection() as connection:
            connection.execute(_statement(sql), _without_nul(values))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """As `Database.snapshot`."""
        with self._through_sqlalchemy(), self._reader.connect() as connection:
            self._local.connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
            try:
                yield
            finally:
                del self._local.connection

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

    def close(self) -> None:
        """As `Database.close`."""
        super().close()
        self._reader.dispose()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """PostgreSQL's complaints in our words."""
        try:
            yield
        except psycopg.IntegrityError:
            raise  # A constraint is our own assertion: breaking it is our bug, not the user's.
        except psycopg.Error as error:
            raise self._complaint(error) from error

    def _connection(self) -> AbstractContextManager[Connection]:
        """The thread's snapshot, where there is one; else any connection, whose every statement is committed."""
        snapshot: Connection | None = getattr(self._local, "connection", None)
        return self._reader.connect() if snapshot is None else nullcontext(snapshot)

    def _make_engine(self) -> Engine:
        engine = _make_engine(self._url)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE_S:.0f}s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITING})")

        return engine

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


def _make_engine(url: str, **options: Any) -> Engine:
    """Connections that are looked at before they are used: a server may have ended them.

    Any number: a writer may read as well, and would wait for ever for a connection that others hold who wait for it to end.
    """
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_pre_ping=True,
        max_overflow=-1,
        connect_args={"connect_timeout": CONNECT_S, "prepare_threshold": None},
        **options,
    )


def _read_as_text(connection: psycopg.Connection[Any], _record: object) -> None:
    for name in ("json", "timestamp"):
        connection.adapters.register_loader(name, TextLoader)


@functools.lru_cache(maxsize=512)
def _row_class(names: tuple[str, ...]) -> type[tuple[Any, ...]]:
    """Rows that give their values by position and by name, as SQLite's do."""
    places = {name: place for place, name in enumerate(names)}

    class _Row(tuple[Any, ...]):
        __slots__ = ()

        def __getitem__(self, key: Any, /) -> Any:
            return tuple.__getitem__(self, places[key] if isinstance(key, str) else key)

        def keys(self) -> Collection[str]:
            return names

    return _Row


_statement = functools.lru_cache(maxsize=512)(text)
"""SQLAlchemy's parse of a question."""


def _without_nul(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """PostgreSQL's text holds no NUL and its driver refuses it: what is asked for with one is there for nobody."""
    return {
        name: value.replace("\0", "\ufffd") if isinstance(value, str) else value
        for name, value in (values or {}).items()
    }


def _asked(words: Sequence[str], facets: Sequence[Sequence[str]]) -> str:
    """Words and groups of facets in PostgreSQL's query language."""
    groups = (f"({' | '.join(map(_quoted, group))})" for group in facets)
    return " & ".join([*(f"{_quoted(word)}:*" for word in words), *groups])


def _quoted(text: str) -> str:
    """A lexeme of PostgreSQL's query language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1@", url)
