"""Compare all blobs with their digests, slowly and again and again, so that damage is found before a reader needs the blob.

One process of a server scrubs at a time. The registry remembers how far the pass is, so that a restart continues it.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from hub.errors import DamagedFile, UnknownFile
from hub.maintenance.pace import Pace
from hub.names import Digest
from hub.registry.accounts.server_settings import find_setting

if TYPE_CHECKING:
    from hub.registry.database.database import Database
    from hub.store import BlobStore

PASS_S = 86_400.0
"""Seconds from the start of one pass to that of the next. A pass that takes longer is followed by the next at once."""
LEASE_S = 300.0
"""Seconds after which another process continues the pass of one that has ended. A running one renews its lease after a tenth."""
_SETTING = "scrub"
_OPENING_BYTES = 64 << 10
"""Bytes that opening a blob counts as, so that many small blobs in a bucket do not cause thousands of requests per second."""
_log = logging.getLogger("server.scrub")


@dataclass(frozen=True, slots=True)
class Progress:
    """A pass over the store. Times are seconds since 1970, the same for all machines."""

    started_at: float = 0.0
    after: str = ""
    """Digest of the last blob that was checked."""
    is_done: bool = True
    damaged: int = 0
    leased_until: float = 0.0


def scrub(database: Database, store: BlobStore, megabytes_per_s: float, stopped: threading.Event) -> bool:
    """Continue the pass, or start the next if it is due. Return False if there is nothing to do now. Raises Stopped, Unreachable.

    Damaged blobs are set aside and logged.
    """
    claimed = claim(database)
    if claimed is None:
        return False
    pass_ = _Pass(database, claimed)
    pace = Pace(megabytes_per_s, stopped, pass_.renew)
    try:
        for digest in sorted(each for each in store.digests() if each.hex > claimed.after):
            pass_.add(digest, is_damaged=_is_damaged(store, digest, pace))
        for digest in store.reexamine():
            _log.info("blob %s is intact after all and is served again", digest)
        pass_.finish()
    finally:
        pass_.save(lease_s=0.0)
    return True


def claim(database: Database, now: Callable[[], float] = time.time) -> Progress | None:
    """Return the progress of the pass, leased to this caller; None if another process has it or the next pass is not due."""
    from hub.registry.tables.accounts import SettingRow

    with database.transaction() as session:
        row = session.get(SettingRow, _SETTING)
        found = Progress(**json.loads(row.value)) if row is not None else Progress()
        if found.leased_until > now() or (found.is_done and found.started_at + PASS_S > now()):
            return None
        if found.is_done:
            found = Progress(started_at=now(), is_done=False)
        found = replace(found, leased_until=now() + LEASE_S)
        session.merge(SettingRow(name=_SETTING, value=json.dumps(asdict(found))))
    return found


def last_pass(database: Database) -> Progress:
    """Return the progress of the pass that runs or has ended last."""
    found = find_setting(database, _SETTING)
    return Progress(**json.loads(found)) if found else Progress()


class _Pass:
    """The pass of this process, saved after a while."""

    def __init__(self, database: Database, progress: Progress) -> None:
        self._database, self._progress = database, progress
        self._saved_at = time.monotonic()

    def add(self, digest: Digest, *, is_damaged: bool) -> None:
        """Count a blob."""
        self._progress = replace(self._progress, after=digest.hex, damaged=self._progress.damaged + is_damaged)

    def finish(self) -> None:
        """End the pass."""
        self._progress = replace(self._progress, is_done=True, after="")

    def renew(self) -> None:
        """Save the progress and renew the lease if that was a while ago."""
        if time.monotonic() - self._saved_at > LEASE_S / 10:
            self.save(LEASE_S)

    def save(self, lease_s: float) -> None:
        """Save the progress with a lease, in seconds."""
        self._progress = replace(self._progress, leased_until=time.time() + lease_s)
        self._saved_at = time.monotonic()
        self._database.execute(
            "INSERT INTO settings (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            {"name": _SETTING, "value": json.dumps(asdict(self._progress))},
        )


def _is_damaged(store: BlobStore, digest: Digest, pace: Pace) -> bool:
    try:
        store.verify(digest, pace=pace)
        pace(_OPENING_BYTES)
    except UnknownFile:
        return False  # Garbage-collected in the meantime.
    except DamagedFile as error:
        _log.error("%s", error)
        return True
    return False
