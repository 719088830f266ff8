"""The SQLAlchemy engine of a SQLite file. Importing this module imports SQLAlchemy."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool


def make_engine(path: Path, timeout_s: float) -> Engine:
    """Return an engine whose transactions take the write lock at their beginning, so that writers wait and never deadlock."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)), poolclass=NullPool, connect_args={"timeout": timeout_s}
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # The driver must not begin transactions.
        _use_wal(connection, timeout_s)
        connection.execute("PRAGMA synchronous = FULL")  # A confirmed push survives a power cut.
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _use_wal(connection: sqlite3.Connection, timeout_s: float) -> None:
    """Enable WAL mode. SQLite fails immediately while another process creates the file, so retry."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
