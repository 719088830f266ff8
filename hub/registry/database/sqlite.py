"""A registry in a SQLite file: fast reads, and one writing transaction at a time.

Reads use the standard library and plain SQL, because importing SQLAlchemy takes 0.2 s, as long as the rest of `hub search`.
Writes and migrations use SQLAlchemy. The file is in WAL mode, in which readers and the writer do not block each other.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any

from hub.errors import DamagedFile, DiskFull, HubError, InvalidRequest, Unreachable
from hub.registry.database.database import MAX_PREFIX, TIMEOUT_S, Database, is_index_word, is_whole
from hub.registry.database.schema import schema_version

if TYPE_CHECKING:
    from sqlalchemy import Engine

_MMAP_BYTES = 1 << 40
"""Maximum size of the memory map of the file; SQLite limits it further (to 2 GB by default).

A search among a million artifacts reads thousands of rows. The map cuts its time by a third and saves memory per connection.
"""

_JOURNALS = ("-wal", "-shm")
_FACETS, _WORDS = "' ' || facets || ' '", "' ' || words || ' '"


class SqliteDatabase(Database):
    """The database in a file."""

    product = "SQLite"
    backup_name = "registry.db"
    skip_locked = ""
    is_local = True
    reads_lists_on_demand = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path
        self._local = local()
        self._connections: list[sqlite3.Connection] = []

    def close(self) -> None:
        """See `Database.close`."""
        while self._connections:
            self._connections.pop().close()
        self._local = local()
        super().close()

    def prepare(self) -> None:
        """See `Database.prepare`; also creates the folder and the file, which only its user can read."""
        with self.translate_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _create_private(self.path)
            for file in (self.path, *(Path(f"{self.path}{suffix}") for suffix in _JOURNALS)):
                _make_private(file)
        super().prepare()

    def version(self) -> str:
        """See `Database.version`; also empty if there is no file."""
        if not self.path.exists():
            return ""
        with self.translate_errors(), closing(sqlite3.connect(self.path, timeout=TIMEOUT_S)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return schema_version(
                tables, lambda: connection.execute("SELECT version_num FROM alembic_version").fetchone(), self.address
            )

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        """See `Database.rows`."""
        with self.translate_errors():
            found: list[sqlite3.Row] = self._connection().execute(sql, values or {}).fetchall()
            return found

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """See `Database.execute`."""
        with self.translate_errors():
            self._connection().execute(sql, values or {})

    def execute_unless_busy(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """See `Database.execute_unless_busy`. One writer at a time locks the whole file, for as long as it takes."""
        with self.translate_errors():
            connection = self._connection()
            connection.execute("PRAGMA busy_timeout = 0")
            try:
                connection.execute(sql, values or {})
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # The other bits say why it is busy.
                    raise
            finally:
                connection.execute(f"PRAGMA busy_timeout = {TIMEOUT_S * 1000:.0f}")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Database.snapshot`."""
        with self.translate_errors():
            self._connection().execute("BEGIN")
        try:
            yield
        finally:
            self._connection().execute("ROLLBACK")

    def in_list(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """See `Database.in_list`."""
        return f"{column} IN (SELECT value FROM json_each(:{name}))", {name: json.dumps(values)}  # noqa: S608 - names alone

    def in_set(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """See `Database.in_set`. SQLite does not look up a column with a sign, so it reads the index of the order instead."""
        return self.in_list(f"+{column}", values, name)

    def listed(self, ids: Sequence[int], name: str) -> tuple[str, dict[str, Any]]:
        """See `Database.listed`."""
        return f"(SELECT value AS id FROM json_each(:{name}))", {name: json.dumps(ids)}  # noqa: S608 - names alone

    def in_turn(self, first: str, second: str) -> str:
        """See `Database.in_turn`. SQLite would check the second condition first, and read each row for it."""
        return f"CASE WHEN {first} THEN {second} ELSE FALSE END"

    def match_ids(self, words: Sequence[str], facets: Sequence[Sequence[str]], limit: int) -> list[int]:
        """See `Database.match_ids`; oldest first, which is the order of the index.

        Prefixes longer than those that the index has lists for are first looked up as whole words, whose lists are read only as far
        as needed.
        """
        groups = [f"({' OR '.join(map(_term, group))})" for group in facets]
        if any(len(word) > MAX_PREFIX for word in words):
            whole = self._match([*map(_quoted, words), *groups], limit)
            if len(whole) > limit:
                return whole
        return self._match([*(f"{_quoted(word)}*" for word in words), *groups], limit)

    def match_condition(self, words: Sequence[str], facets: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
        """See `Database.match_condition`."""
        values = {f"word_{number}": f" {word}" for number, word in enumerate(words)}
        conditions = [f"instr({_WORDS}, :{name}) > 0" for name in values]
        for number, group in enumerate(facets):
            names = {f"facet_{number}_{index}": term for index, term in enumerate(group)}
            tests = (
                f"instr({_FACETS if is_index_word(term) else _WORDS}, :{name}) > 0" for name, term in names.items()
            )
            conditions.append(f"({' OR '.join(tests)})")
            values |= {name: f" {term} " if is_whole(term) else f" {term}" for name, term in names.items()}
        return " AND ".join(conditions), values

    def _match(self, terms: Sequence[str], limit: int) -> list[int]:
        found = self.rows(
            "SELECT rowid FROM artifact_text WHERE artifact_text MATCH :query ORDER BY rowid LIMIT :limit",
            {"query": " AND ".join(terms), "limit": limit + 1},
        )
        return [row[0] for row in found]

    def backup(self, folder: Path) -> Path:
        """Write a copy with SQLite's online backup, while others read and write."""
        target = folder / self.backup_name
        _create_private(target)
        with self.translate_errors(), closing(sqlite3.connect(target)) as copy:
            self._connection().backup(copy)
        return target

    def restore(self, file: Path) -> None:
        """Restore a backup into an empty registry. Raises InvalidRequest if it is not empty."""
        if self.path.exists() and self.version() and self.rows("SELECT id FROM artifacts LIMIT 1"):
            raise InvalidRequest(
                f"{self.path} is not an empty registry: move it away, or set HUB_HOME to another folder."
            )
        self.close()
        with self.translate_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _create_private(self.path)
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(self.path)) as target:
                source.backup(target)
        self.prepare()

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Convert errors of SQLite: raises Unreachable or DamagedFile."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # A violated constraint is a bug, not a mistake of the user.
        except sqlite3.Error as error:
            raise _to_hub_error(error, self.path) from error
        except OSError as error:
            raise Unreachable(
                f"cannot use {self.path}: {error.strerror}. Set HUB_HOME to a folder you can write."
            ) from error

    def _make_engine(self) -> Engine:
        from hub.registry.database.sqlite_engine import make_engine

        return make_engine(self.path, TIMEOUT_S)

    def _connection(self) -> sqlite3.Connection:
        """Return the connection of this thread."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            self._local.connection = connection = self._connect()
            self._connections.append(connection)
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA mmap_size = {_MMAP_BYTES}")
        return connection


def _create_private(path: Path) -> None:
    """Create an empty file, an empty database, that only its user can read; SQLite gives its journals the same mode.

    An existing file is not even opened: closing it again would drop the locks of all connections of this process, and another
    process would then remove the journal that they still write to.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _make_private(path: Path) -> None:
    """Take the access of others from an existing file. A group that can write it keeps it: WAL readers need to write, too."""
    with suppress(FileNotFoundError, PermissionError):
        mode = path.stat().st_mode & 0o777
        wanted = mode & (0o770 if mode & 0o020 else 0o600)
        if wanted != mode:
            path.chmod(wanted)


def _term(word: str) -> str:
    """Return a term of a group as a term of an FTS5 query."""
    return _quoted(word) if is_whole(word) else f"{_quoted(word)}*"


def _quoted(text: str) -> str:
    """Quote a string of an FTS5 query, which is one word: without white space and control characters."""
    return '"{}"'.format(text.replace('"', '""'))


def _to_hub_error(error: sqlite3.Error, path: Path) -> HubError:
    text = str(error)
    if "not a database" in text or "malformed" in text:
        return DamagedFile(f"{path} is not a registry ({text}): move it away, then build a new one with `hub index`.")
    if "readonly" in text or "unable to open" in text:
        return Unreachable(f"cannot write {path} ({text}): set HUB_HOME to a folder you can write.")
    if "disk is full" in text:  # `full` alone is also in the names of columns.
        return DiskFull(f"cannot write {path}: the disk is full. Nothing was changed.")
    if "locked" in text:
        return Unreachable(f"{path} is busy: another process has been writing for {TIMEOUT_S:.0f} s. Try again.")
    return DamagedFile(f"{path} is not a valid registry ({text}): move it away, then build a new one with `hub index`.")
