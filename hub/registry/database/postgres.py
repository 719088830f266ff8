"""A registry in PostgreSQL, which many machines can share.

Reads use psycopg and the same SQL as for SQLite, writes use SQLAlchemy: SQLAlchemy Core with a pool would make a simple query
four times as slow (0.15 ms → 0.6 ms). As from SQLite, times and JSON are returned as text.
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
from hub.registry.database.database import TIMEOUT_S, Database, ResultRow, is_whole
from hub.registry.database.readers import Readers
from hub.registry.database.schema import schema_version

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.types.string import TextLoader
except ImportError as error:
    raise MissingExtra("postgres", "a registry in PostgreSQL") from error

if TYPE_CHECKING:
    from sqlalchemy import Engine

CONNECT_TIMEOUT_S = 10
"""How long to wait for a connection, in seconds."""
WRITER_LOCK = 0x6C696E67
"""Key of the advisory lock of writing transactions, which run one at a time, as in SQLite."""
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0"
"""The queries of a snapshot take milliseconds, less than to compile one or to start a process."""
_EXPECTED = re.compile(r"rows=(\d+)")
"""The number of rows in the first line of a plan."""
_LAST = 20
"""Number of matches whose places in the table are looked up."""
_MAX_WHOLE = 1000
"""Maximum limit for which words are first looked up as whole ones: these are rarely all matches."""
_COMMON = 10_000
"""Number of artifacts with a word from which on other words are looked up first, if there are any."""
_MAX_COMPARED = 4000
"""Maximum number of rows in which common words are looked for."""
_NAME = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


class PostgresDatabase(Database):
    """The database at a `postgresql://` URL."""

    product = "PostgreSQL"
    backup_name = "registry.pgdump"
    skip_locked = "FOR UPDATE SKIP LOCKED"
    is_local = False
    reads_lists_on_demand = False

    def __init__(self, url: str) -> None:
        self._url = re.sub(r"^postgres(ql(\+psycopg)?)?://", "postgresql://", url)
        super().__init__(_without_password(self._url))
        self._readers = Readers(self.address, self._connect, TIMEOUT_S)

    def close(self) -> None:
        """See `Database.close`."""
        self._readers.close()
        super().close()

    def version(self) -> str:
        """See `Database.version`."""
        tables = {row[0] for row in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")}
        return schema_version(
            tables, lambda: next(iter(self.rows("SELECT version_num FROM alembic_version")), None), self.address
        )

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> Sequence[ResultRow]:
        """See `Database.rows`."""
        with self.translate_errors():
            return self._execute(sql, values, retry=True)

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """See `Database.execute`."""
        with self.translate_errors():
            self._execute(sql, values)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Database.snapshot`."""
        with self.translate_errors(), self._readers.reader():
            self._execute(_SNAPSHOT, retry=True)
            with self._readers.reader() as connection:
                try:
                    yield
                finally:
                    if not connection.closed:
                        self.execute("ROLLBACK")

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """See `Database.in_order`. The planner expects some conditions to match so rarely that it would sort all rows."""
        self.execute("SET LOCAL enable_sort = off")
        yield  # After an error, the transaction ends.
        self.execute("SET LOCAL enable_sort = on")

    def in_list(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """See `Database.in_list`."""
        return f"{column} = ANY(:{name})", {name: list(values)}

    def in_set(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """See `Database.in_set`. Only values of the same type as the column are hashed, and psycopg sends small numbers as others."""
        array = "bigint[]" if values and isinstance(values[0], int) else "text[]"
        return f"{column} = ANY(CAST(:{name} AS {array}))", {name: list(values)}

    def listed(self, ids: Sequence[int], name: str) -> tuple[str, dict[str, Any]]:
        """See `Database.listed`."""
        return f"(SELECT unnest(CAST(:{name} AS bigint[])) AS id)", {name: list(ids)}

    def in_turn(self, first: str, second: str) -> str:
        """See `Database.in_turn`. PostgreSQL would read each row for a plain condition, and check scalar queries in another order."""
        row = f"SELECT 1 FROM artifacts AS own WHERE own.id = artifacts.id AND {second} LIMIT 1"  # noqa: S608 - a condition
        return f"CASE WHEN {first} THEN ({row}) IS NOT NULL ELSE FALSE END"

    def match_ids(self, words: Sequence[str], facets: Sequence[Sequence[str]], limit: int) -> list[int]:
        """See `Database.match_ids`; in no order.

        The index reads all words with a prefix to the end, so prefixes are first looked up as whole words.
        """
        whole, prefixes = _tsquery(words, facets, whole=True), _tsquery(words, facets)
        found = self._match(whole, limit) if limit <= _MAX_WHOLE and whole != prefixes else []
        if len(found) > limit:
            return found
        matching = self._with_common_words(words, facets, limit)
        return self._match(prefixes, limit) if matching is None else matching

    def _match(self, query: str, limit: int) -> list[int]:
        rows = self.rows(
            "SELECT id FROM artifacts WHERE search @@ CAST(:query AS tsquery) LIMIT :limit",
            {"query": query, "limit": limit + 1},
        )
        return [row[0] for row in rows]

    def _with_common_words(self, words: Sequence[str], facets: Sequence[Sequence[str]], limit: int) -> list[int] | None:
        """Return the result of `match_ids`, reading the rows that match without common words; None without these, or for too many rows.

        The index would collect all artifacts with a prefix, which takes 0.2 µs for each.
        """
        if 2 * limit > _MAX_COMPARED or len(words) + len(facets) < 2:
            return None
        common = [word for word in words if self.estimate([word], [], (), 0) > _COMMON]
        rest = [word for word in words if word not in common]
        rare = _tsquery(rest, facets)
        if not common or not rare:
            return None
        without = self.estimate(rest, facets, (), 0)
        if without > _MAX_COMPARED and self.estimate(words, facets, (), 0) * _MAX_COMPARED < 1.2 * limit * without:
            return None
        listed = "(SELECT id, search FROM artifacts WHERE search @@ CAST(:rare AS tsquery) LIMIT :compared) AS listed"
        values = {"rare": rare, "common": _tsquery(common, []), "compared": _MAX_COMPARED, "limit": limit + 1}
        has_common = "WHERE search @@ CAST(:common AS tsquery) LIMIT :limit"
        rows = self.rows(f"SELECT id FROM {listed} {has_common}", values)  # noqa: S608 - parameters alone
        if len(rows) <= limit:
            [(compared,)] = self.rows(f"SELECT count(*) FROM {listed}", values)  # noqa: S608 - parameters alone
            if compared == _MAX_COMPARED:
                return None
        return [row[0] for row in rows]

    def estimate(
        self,
        words: Sequence[str],
        facets: Sequence[Sequence[str]],
        found: Sequence[int],
        artifacts: int,  # noqa: ARG002 - the planner knows it.
    ) -> float:
        """See `Database.estimate`: the planner's estimate, but at least as many as if all matches were as dense as the first ones."""
        plan = self.rows(
            "EXPLAIN SELECT 1 FROM artifacts WHERE search @@ CAST(:query AS tsquery)",
            {"query": _tsquery(words, facets)},
        )
        expected = _EXPECTED.search(plan[0][0])
        return max(float(expected[1]) if expected else 0.0, self._as_dense_as(found))

    def _as_dense_as(self, found: Sequence[int]) -> float:
        """Return how many match if matches are as dense in the whole table as up to the last of `found`, which are in its order."""
        if not found:
            return 0.0
        last = "SELECT (CAST(CAST(max(ctid) AS text) AS point))[0] FROM artifacts WHERE id = ANY(:last)"
        pages = "SELECT relpages FROM pg_class WHERE oid = CAST('artifacts' AS regclass)"
        [(page, total)] = self.rows(f"SELECT ({last}), ({pages})", {"last": list(found[-_LAST:])})
        return len(found) * max(1.0, total / (page + 1)) if page is not None else 0.0

    def match_condition(self, words: Sequence[str], facets: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
        """See `Database.match_condition`."""
        return "search @@ CAST(:query AS tsquery)", {"query": _tsquery(words, facets)}

    def backup(self, folder: Path) -> Path:
        """Write a consistent dump in PostgreSQL's custom format, while others read and write. Requires `pg_dump`."""
        target = folder / self.backup_name
        os.close(os.open(target, os.O_RDONLY | os.O_CREAT, 0o600))  # Only its user can read it.
        self._run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", "--dbname")
        return target

    def restore(self, file: Path) -> None:
        """Load a dump into a database without artifacts. Requires `pg_restore`. Raises InvalidRequest if it has artifacts."""
        if self.version() and self.rows("SELECT id FROM artifacts LIMIT 1"):
            raise InvalidRequest(f"{self.address} is not an empty registry: set DATABASE_URL to another database.")
        self.close()
        self._run(
            "pg_restore", "--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction",
            str(file), "--dbname",
        )  # fmt: skip
        self.prepare()

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Convert errors of psycopg to project errors."""
        try:
            yield
        except psycopg.IntegrityError:
            raise  # A violated constraint is a bug, not a mistake of the user.
        except psycopg.Error as error:
            raise self._to_hub_error(error) from error

    def _execute(
        self, sql: str, values: Mapping[str, Any] | None = None, *, retry: bool = False
    ) -> Sequence[ResultRow]:
        """Execute a statement and return its rows; with `retry`, again if the server has closed the connection before a snapshot."""
        statement, parameters = _to_psycopg(sql), {name: _without_nul(value) for name, value in (values or {}).items()}
        with self._readers.reader() as connection:
            in_snapshot = connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
            try:
                cursor = connection.execute(statement, parameters)
            except psycopg.OperationalError:
                if in_snapshot or not retry or not connection.closed:
                    raise
                cursor = self._readers.replace().execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def _connect(self) -> psycopg.Connection[ResultRow]:
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            row_factory=_row_factory,
            connect_timeout=CONNECT_TIMEOUT_S,
            prepare_threshold=None,
        )
        for name in ("json", "timestamp"):
            connection.adapters.register_loader(name, TextLoader)
        return connection

    def _make_engine(self) -> Engine:
        from sqlalchemy import Connection, create_engine, event

        engine = create_engine(
            self._url.replace("postgresql://", "postgresql+psycopg://", 1),
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "prepare_threshold": None},
        )

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{TIMEOUT_S:.0f}s'")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")

        return engine

    def _run(self, command: str, *arguments: str) -> None:
        """Run a PostgreSQL command on this database, with the password in the environment instead of the arguments."""
        program = shutil.which(command)
        if program is None:
            raise InvalidRequest(
                f"`{command}` is not installed: install the PostgreSQL client programs, then try again."
            )
        password = conninfo_to_dict(self._url).get("password")
        environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
        done = subprocess.run(
            [program, *arguments, self.address], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = (done.stderr.strip() or f"exit {done.returncode}").splitlines()[0]
            raise Unreachable(f"`{command}` failed on {self.address}: {reason}.")

    def _to_hub_error(self, error: psycopg.Error) -> HubError:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        if isinstance(error, psycopg.errors.LockNotAvailable):
            return Unreachable(
                f"{self.address} is busy: another transaction has been writing for {TIMEOUT_S:.0f} s. Try again."
            )
        if isinstance(error, psycopg.errors.DiskFull):
            return DiskFull(f"cannot write {self.address}: the disk is full. Nothing was changed.")
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return Unreachable(f"cannot use {self.address} ({reason}): check DATABASE_URL and the server.")
        return DamagedFile(f"{self.address} is not a valid registry ({reason}): check it with `hub doctor`.")


def _row_factory(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Any]:
    return _row_class(tuple(column.name for column in cursor.description or ()))


@functools.lru_cache(maxsize=512)
def _row_class(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """Return a class for rows with values by position and by name, like `sqlite3.Row`."""
    positions = {name: position for position, name in enumerate(names)}

    class Named(tuple[Any, ...]):
        __slots__ = ()

        def __getitem__(self, key: Any, /) -> Any:
            return tuple.__getitem__(self, positions[key] if isinstance(key, str) else key)

        def keys(self) -> Collection[str]:
            return names

    return Named


@functools.lru_cache(maxsize=512)
def _to_psycopg(sql: str) -> bytes:
    """Convert `:name` parameters to those of psycopg."""
    return _NAME.sub(r"%(\1)s", sql.replace("%", "%%")).encode()


def _without_nul(value: Any) -> Any:
    """Replace NUL characters, which PostgreSQL text cannot contain, so that nothing matches them."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _tsquery(words: Sequence[str], facets: Sequence[Sequence[str]], *, whole: bool = False) -> str:
    """Return a text search query for word prefixes, or `whole` words, and groups of facets."""

    def term(word: str) -> str:
        return _quoted(word) if whole or is_whole(word) else f"{_quoted(word)}:*"

    groups = (f"({' | '.join(map(term, group))})" for group in facets)
    # A word of `words` is always a prefix, also of an index word: parts of names can be shorter than three letters.
    return " & ".join([*(_quoted(word) if whole else f"{_quoted(word)}:*" for word in words), *groups])


def _quoted(text: str) -> str:
    """Quote a lexeme of a text search query."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _without_password(url: str) -> str:
    return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1@", url)
