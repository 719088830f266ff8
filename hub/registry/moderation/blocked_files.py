"""Files that an administrator has blocked. Their bytes are not served, whatever artifact contains them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hub.names import Digest
from hub.registry.accounts.audit import log_action
from hub.registry.database.clock import from_column, utc_now
from hub.registry.moderation.hidden_artifacts import check_reason

if TYPE_CHECKING:
    from hub.registry.accounts.permissions import Actor
    from hub.registry.database.database import Database


@dataclass(frozen=True, slots=True)
class BlockedFile:
    """A file that an administrator has blocked."""

    digest: str
    name: str
    """Path of the file in the artifact in which it was blocked."""
    reason: str
    blocked_by: str
    at: datetime


def blocked_files(database: Database, limit: int = 1000) -> list[BlockedFile]:
    """Return the blocked files, newest first."""
    rows = database.rows("SELECT * FROM blocked_files ORDER BY at DESC, digest LIMIT :limit", {"limit": limit})
    return [
        BlockedFile(row["digest"], row["name"], row["reason"], row["blocked_by"], from_column(row["at"]))
        for row in rows
    ]


def block_file(database: Database, digest: Digest, name: str, reason: str, actor: Actor) -> None:
    """Block a file, or change the reason. Raises InvalidRequest without a reason."""
    from hub.registry.tables.moderation import BlockedFileRow

    reason = check_reason(reason)
    with database.transaction() as session:
        session.merge(BlockedFileRow(digest=digest.hex, name=name, reason=reason, blocked_by=actor.name, at=utc_now()))
        log_action(session, actor, "file.block", digest.hex, name=name, reason=reason)


def unblock_file(database: Database, digest: Digest, actor: Actor) -> None:
    """Serve a blocked file again; nothing happens if it is not blocked."""
    from hub.registry.tables.moderation import BlockedFileRow

    with database.transaction() as session:
        row = session.get(BlockedFileRow, digest.hex)
        if row is not None:
            session.delete(row)
            log_action(session, actor, "file.unblock", digest.hex, name=row.name)
