"""One SQLite file: quick reading, and writing in one transaction at a time.

Reading goes through the standard library and plain SQL: importing SQLAlchemy takes 0.2 s, as long as all the rest of
`hub search`. Writing and migrating go through SQLAlchemy's typed tables. Both see the same file in WAL mode, where
readers and the one writer do not wait for each other.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import DamagedFile, DiskFull, HubError, InvalidRequest, Unreachable
from hub.registry.database.database import TIMEOUT_S, Database
from hub.registry.database.schema import version_among

if TYPE_CHECKING:
    from sqlalchemy import Engine

_MAPPED = 1 << 40
"""Bytes of the file that are read where the kernel keeps them, as far as SQLite allows (2 GB by default).

A search in a registry of a million reads thousands of rows: that takes two thirds of the time, and no memory of each connection.
"""


_LISTED = 8
"""Letters of the longest beginnings that have lists of their own in the index of words."""
_FACETS = "' ' || facets || ' '"


class SqliteDatabase(Database):
    """The file at `path`."""

    backup_name = "registry.db"
    skip_locked = ""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path

    def prepare(self) -> None:
        """As `Database.prepare`; creates the file, and the folders above it."""
        with self.translated():
            self.path.parent.mkdir(parents=True, exist_ok=True)
        super().prepare()

    def version(self) -> str:
        """As `Database.version`; empty when there is no file."""
        if not self.path.exists():
            return ""
        with self.translated(), closing(sqlite3.connect(self.path, timeout=TIMEOUT_S)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return version_among(
                tables, lambda: connection.execute("SELECT version_num FROM alembic_version").fetchone(), self.address
            )

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        """All answers to one question."""
        with self.translated():
            found: list[sqlite3.Row] = self._connection().execute(sql, values or {}).fetchall()
            return found

    def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """One small change, committed at once."""
        with self.translated():
            self._connection().execute(sql, values or {})

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All `rows` of this thread inside see one state of the registry."""
        with self.translated():
            self._connection().execute("BEGIN")
        try:
            yield
        finally:
            self._connection().execute("ROLLBACK")

    def in_list(self, column: str, values: Sequence[Any], name: str) -> tuple[str, dict[str, Any]]:
        """As `Database.in_list`."""
        return f"{column} IN (SELECT value FROM json_each(:{name}))", {name: json.dumps(values)}  # noqa: S608 - names alone

    def match_ids(self, words: Sequence[str], facets: Sequence[Sequence[str]], limit: int) -> list[int]:
        """As `Database.matching`, newest first.

        Beginnings longer than those that have lists of their own are asked for as whole words first: their lists are read only as
        far as needed.
        """
        groups = [f"({' OR '.join(map(_quoted, group))})" for group in facets]
        if any(len(word) > _LISTED for word in words):
            whole = self._match([*map(_quoted, words), *groups], limit)
            if len(whole) > limit:
                return whole
        return self._match([*(f"{_quoted(word)}*" for word in words), *groups], limit)

    def match_condition(self, words: Sequence[str], facets: Sequence[Sequence[str]]) -> tuple[str, dict[str, Any]]:
        """As `Database.has`."""
        values = {f"word_{number}": f" {word}" for number, word in enumerate(words)}
        conditions = [f"instr(' ' || words, :{name}) > 0" for name in values]
        for number, group in enumerate(facets):
            names = {f"facet_{number}_{place}": f" {facet} " for place, facet in enumerate(group)}
            conditions.append(f"({' OR '.join(f'instr({_FACETS}, :{name}) > 0' for name in names)})")
            values |= names
        return " AND ".join(conditions), values

    def _match(self, asked: Sequence[str], limit: int) -> list[int]:
        found = self.rows(
            "SELECT rowid FROM artifact_text WHERE artifact_text MATCH :asked ORDER BY rowid DESC LIMIT :limit",
            {"asked": " AND ".join(asked), "limit": limit + 1},
        )
        return [row[0] for row in found]

    def backup(self, folder: Path) -> Path:
        """A copy by SQLite's online backup: readers and writers go on."""
        target = folder / self.backup_name
        with self.translated(), closing(sqlite3.connect(target)) as copy:
            self._connection().backup(copy)
        return target

    def restore(self, file: Path) -> None:
        """Put the content of a backup in the place of an empty registry."""
        if self.path.exists() and self.version() and self.rows("SELECT id FROM artifacts LIMIT 1"):
            raise InvalidRequest(f"{self.path} is no empty registry: move it away, or set HUB_HOME to another folder.")
        self.close()
        with self.translated():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(self.path)) as target:
                source.backup(target)
        self.prepare()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """SQLite's complaints in our words."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise  # A constraint is our own assertion: breaking it is our bug, not the user's.
        except sqlite3.Error as error:
            raise _complaint(error, self.path) from error
        except OSError as error:
            raise Unreachable(
                f"cannot use {self.path}: {error.strerror}. Set HUB_HOME to a folder you can write."
            ) from error

    def _make_engine(self) -> Engine:
        from hub.registry.database.sqlite_engine import make_engine

        return make_engine(self.path, TIMEOUT_S)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=TIMEOUT_S, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA mmap_size = {_MAPPED}")
        return connection


def _quoted(text: str) -> str:
    """A string of FTS5's query language."""
    return f'"{text.replace(chr(34), chr(34) * 2)}"'


def _complaint(error: sqlite3.Error, path: Path) -> HubError:
    text = str(error)
    if "not a database" in text or "malformed" in text:
        return DamagedFile(f"{path} is no registry ({text}): move it away and build a new one with `hub index`.")
    if "readonly" in text or "unable to open" in text:
        return Unreachable(f"cannot write {path} ({text}): set HUB_HOME to a folder you can write.")
    if "full" in text:
        return DiskFull(f"cannot write {path}: the disk is full. Nothing was changed.")
    if "locked" in text:
        return Unreachable(f"{path} is busy: another process has been writing for {TIMEOUT_S:.0f} s. Try again.")
    return DamagedFile(f"{path} does not answer as a registry ({text}): build a new one with `hub index`.")
