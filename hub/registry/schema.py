"""Which schema a database has, and how it gets ours. Alembic is imported only when there is something to migrate."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import Damaged

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from hub.registry.database import Row

HEAD = "0028"
"""Newest migration under `migrations/versions`."""
_ONE_AT_A_TIME = threading.Lock()
"""Alembic keeps the migration that runs in a global: two threads with a registry each would write into one another's."""


def is_current(version: str, address: str) -> bool:
    """Whether a database of this version has our schema; False for an empty or an older one.

    Raises Damaged for a database of a newer linguahub.
    """
    if version > HEAD:
        raise Damaged(
            f"{address} has schema {version}, this linguahub knows {HEAD}: upgrade linguahub, or move the file away."
        )
    return version == HEAD


def version_among(tables: set[str], read: Callable[[], Row | None], address: str) -> str:
    """The migration that made these tables, `0001`; empty when there are none. Damaged for somebody else's.

    `read` asks the table `alembic_version` for its row.
    """
    if not tables:
        return ""
    if not {"alembic_version", "artifacts"} <= tables:
        raise Damaged(
            f"{address} is a database of something else (tables {', '.join(sorted(tables)[:3])}): move it away."
        )
    row = read()
    return str(row[0]) if row else ""


def migrate(connection: Connection) -> None:
    """Bring the database to HEAD in one transaction; another process may have done so in the meantime."""
    from alembic.command import upgrade
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    with _ONE_AT_A_TIME, connection.begin():
        upgrade(config, "head")
