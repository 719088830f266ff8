"""Search in a read replica, so that searches do not take the time of the database that is written to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from hub.errors import DamagedFile, Unreachable
from hub.registry.database.open import open_database
from hub.registry.database.schema import is_current

if TYPE_CHECKING:
    from hub.records import Page
    from hub.registry.database.database import Database

PAUSE_S = 10.0
"""Seconds for which the registry itself is searched after the replica did not respond."""
_log = logging.getLogger("hub.registry.replica")


class Replica:
    """A database that follows the registry by PostgreSQL's replication, a moment behind. It is opened by the first search."""

    def __init__(self, url: str, registry: Database) -> None:
        """Raises InvalidRequest for an unsupported URL."""
        self.database = open_database(url)
        self._registry = registry
        self._is_checked = False
        self._retry_at = 0.0

    def search(self, question: Callable[[Database], Page]) -> Page:
        """Return what `question` finds in the replica, or in the registry if the replica does not respond or is of another version."""
        if time.monotonic() >= self._retry_at:
            try:
                self._check()
                return question(self.database)
            except (DamagedFile, Unreachable) as error:
                self._is_checked, self._retry_at = False, time.monotonic() + PAUSE_S
                _log.error("the registry is searched instead of HUB_READ_DATABASE: %s", error)
        return question(self._registry)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()

    def _check(self) -> None:
        """Raise DamagedFile unless the replica has the tables of this version: while the registry is migrated, it follows later."""
        if not self._is_checked:
            if not is_current(self.database.version(), self.database.address):
                raise DamagedFile(f"{self.database.address} does not have the tables of this version yet.")
            self._is_checked = True
