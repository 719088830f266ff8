"""One SQLite file: quick reading, and writing in one transaction at a time.

Reading goes through the standard library and plain SQL: importing SQLAlchemy takes 0.2 s, as long as all the rest of
`hub search`. Writing and migrating go through SQLAlchemy's typed tables. Both see the same file in WAL mode, where
readers and the one writer do not wait for each other.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import Damaged, HubError, Unreachable
from hub.registry.schema import is_current, version_of

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

PATIENCE_S = 30.0
"""How long a writer waits for another one."""


class Database:
    """The file at `path`. Threads may share it; each gets a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._engine: Engine | None = None

    def prepare(self) -> None:
        """Create the file, or bring it to this version's schema; nothing happens when it is there already."""
        with self.translated():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=PATIENCE_S)) as connection:
                current = is_current(connection, self.path)
            if not current:
                from hub.registry.schema import migrate

                with self._writing(), self.engine.connect() as connection:
                    migrate(connection)

    def version(self) -> str:
        """Which schema the file has, older and newer ones included; empty when there is no file."""
        if not self.path.exists():
            return ""
        with self.translated(), closing(sqlite3.connect(self.path, timeout=PATIENCE_S)) as connection:
            return version_of(connection, self.path)

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[sqlite3.Row]:
        """All answers to one question."""
        with self.translated():
            return self._connection().execute(sql, values or {}).fetchall()

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

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end, or leaves nothing. Writers queue at its beginning."""
        from sqlalchemy.orm import Session

        with self._writing(), Session(self.engine) as session, session.begin():
            yield session

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's side of the same file."""
        if self._engine is None:
            from hub.registry.engine import make_engine

            self._engine = make_engine(self.path, PATIENCE_S)
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

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """As `translated`, for errors that SQLAlchemy has wrapped."""
        from sqlalchemy.exc import DBAPIError

        with self.translated():
            try:
                yield
            except DBAPIError as error:
                raise error.orig if isinstance(error.orig, sqlite3.Error) else error from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            self._local.connection = connection
            self._connections.append(connection)
        return connection


def _complaint(error: sqlite3.Error, path: Path) -> HubError:
    text = str(error)
    if "not a database" in text or "malformed" in text:
        return Damaged(f"{path} is no registry ({text}): move it away and build a new one with `hub index`.")
    if "readonly" in text or "unable to open" in text:
        return Unreachable(f"cannot write {path} ({text}): set HUB_HOME to a folder you can write.")
    if "full" in text:
        return Unreachable(f"cannot write {path}: the disk is full. Nothing was changed.")
    if "locked" in text:
        return Unreachable(f"{path} is busy: another process has been writing for {PATIENCE_S:.0f} s. Try again.")
    return Damaged(f"{path} does not answer as a registry ({text}): build a new one with `hub index`.")
