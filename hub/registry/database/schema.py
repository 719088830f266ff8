"""Check, create and migrate the schema. SQLAlchemy and Alembic are imported only if there is something to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.errors import DamagedFile
from hub.plugins import load_all

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

TABLE_MODULES = ("artifacts", "scores", "outbox", "accounts", "moderation", "trust")
"""Modules of `hub.registry.tables`, imported by name because no code needs all of them."""
FIRST = "0030"
"""The migration that creates all tables. Earlier ones belong to registries that were never released."""
HEAD = "0041"
"""The newest migration in `migrations/versions`."""
_MIGRATION_LOCK = threading.Lock()
"""Alembic keeps the running migration in a global variable, so two threads must not migrate at the same time."""


def is_current(version: str, address: str) -> bool:
    """Return whether a database with this version has the current schema; False if it is empty or older.

    Raises DamagedFile for a database of a newer linguahub, and for one from before the first release.
    """
    if version > HEAD:
        raise DamagedFile(
            f"{address} has schema {version}, but this linguahub supports {HEAD}: upgrade linguahub, or move the file away."
        )
    if version and version < FIRST:
        raise DamagedFile(
            f"{address} was created by an older development version (schema {version}, not {HEAD}): move it away, "
            "then build a new one from the cards and the store with `hub index`."
        )
    return version == HEAD


def schema_version(tables: set[str], read: Callable[[], Any], address: str) -> str:
    """Return the schema version of a database with these tables, such as `0030`; empty without tables.

    `read` returns the row of the table `alembic_version`. Raises DamagedFile for tables of another program.
    """
    if not tables:
        return ""
    if not {"alembic_version", "artifacts"} <= tables:
        raise DamagedFile(
            f"{address} is a database of another program (tables {', '.join(sorted(tables)[:3])}): move it away."
        )
    row = read()
    return str(row[0]) if row else ""


def all_tables() -> MetaData:
    """Return the tables of the core and of all installed parts, including disabled ones."""
    from hub.registry.tables.base import Table

    for module in TABLE_MODULES:
        import_module(f"hub.registry.tables.{module}")
    for part in load_all("hub.parts"):
        for module in part.tables:
            import_module(module)
    return Table.metadata


def migrate(connection: Connection) -> None:
    """Create all tables in an empty database, or migrate an older one to HEAD, in one transaction.

    Nothing happens if another process has done so in the meantime.
    """
    from sqlalchemy import inspect, text

    with _MIGRATION_LOCK, connection.begin():
        if inspect(connection).has_table("alembic_version"):
            _upgrade(connection)
        else:
            all_tables().create_all(connection)
            # As Alembic's `stamp` does, whose import takes as long as creating the tables.
            connection.execute(
                text(
                    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)"
                )
            )
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def _upgrade(connection: Connection) -> None:
    from alembic.command import upgrade
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    upgrade(config, "head")
