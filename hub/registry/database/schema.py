"""Which schema a database has, and how it gets ours. SQLAlchemy and Alembic are imported only when there is something to do."""

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

TABLE_MODULES = ("artifacts", "scores", "outbox", "accounts", "trust")
"""Modules of `hub.registry.tables`. They are imported by name: no code needs all of them."""
FIRST = "0029"
"""The migration that stands for all tables as they are created. Those before it made registries that were never released."""
HEAD = "0029"
"""Newest migration under `migrations/versions`."""
_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps the migration that runs in a global: two threads with a registry each would write into one another's."""


def is_current(version: str, address: str) -> bool:
    """Whether a database of this version has our schema; False for an empty or an older one.

    Raises DamagedFile for a database of a newer linguahub, and for one of before the first release.
    """
    if version > HEAD:
        raise DamagedFile(
            f"{address} has schema {version}, this linguahub knows {HEAD}: upgrade linguahub, or move the file away."
        )
    if version and version < FIRST:
        raise DamagedFile(
            f"{address} was made by an older development version (schema {version}, not {HEAD}): move it away, "
            "then `hub index` builds a new one from the cards and the store."
        )
    return version == HEAD


def version_among(tables: set[str], read: Callable[[], Any], address: str) -> str:
    """The migration that made these tables, `0029`; empty when there are none. DamagedFile for somebody else's.

    `read` asks the table `alembic_version` for its row.
    """
    if not tables:
        return ""
    if not {"alembic_version", "artifacts"} <= tables:
        raise DamagedFile(
            f"{address} is a database of something else (tables {', '.join(sorted(tables)[:3])}): move it away."
        )
    row = read()
    return str(row[0]) if row else ""


def all_tables() -> MetaData:
    """Return the tables of the core and of all installed parts, those that are left out included."""
    from hub.registry.tables.base import Table

    for module in TABLE_MODULES:
        import_module(f"hub.registry.tables.{module}")
    for part in load_all("hub.parts"):
        for module in part.tables:
            import_module(module)
    return Table.metadata


def migrate(connection: Connection) -> None:
    """Create all tables in an empty database, or bring an older one to HEAD, in one transaction.

    Another process may have done so in the meantime: then nothing happens.
    """
    from alembic.command import stamp, upgrade
    from alembic.config import Config
    from sqlalchemy import inspect

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME, connection.begin():
        if inspect(connection).has_table("alembic_version"):
            upgrade(config, "head")
        else:
            all_tables().create_all(connection)
            stamp(config, "head")
