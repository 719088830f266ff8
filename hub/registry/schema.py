"""Which schema a database has, and how it gets ours. Alembic is imported only when there is something to migrate."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import Damaged

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEAD = "0005"
"""Newest migration under `migrations/versions`."""


def is_current(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the database has this version's schema; False for an empty or an older one.

    Raises Damaged for a database of somebody else or of a newer linguahub.
    """
    version = version_of(connection, path)
    if version > HEAD:
        raise Damaged(
            f"{path} has schema {version}, this linguahub knows {HEAD}: upgrade linguahub, or move the file away."
        )
    return version == HEAD


def version_of(connection: sqlite3.Connection, path: Path) -> str:
    """The migration that made the database what it is, `0001`; empty for an empty one. Damaged for somebody else's."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return ""
    if not {"alembic_version", "artifacts"} <= tables:
        raise Damaged(f"{path} is a database of something else (tables {', '.join(sorted(tables)[:3])}): move it away.")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def migrate(connection: Connection) -> None:
    """Bring the database to HEAD in one transaction; another process may have done so in the meantime."""
    from alembic.command import upgrade
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    with connection.begin():
        upgrade(config, "head")
