"""SQLAlchemy's engine on a SQLite file. Importing this module costs what SQLAlchemy costs."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool


def make_engine(path: Path, patience_s: float) -> Engine:
    """An engine whose transactions take the write lock at their beginning, so that two writers queue and never deadlock."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)), poolclass=NullPool, connect_args={"timeout": patience_s}
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # The driver must not begin transactions of its own.
        _use_wal(connection, patience_s)
        connection.execute("PRAGMA synchronous = FULL")  # A push that was confirmed survives a power cut.
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _use_wal(connection: sqlite3.Connection, patience_s: float) -> None:
    """Let readers and the writer go on side by side. While a new file is being made by another process, SQLite refuses at once."""
    until = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
