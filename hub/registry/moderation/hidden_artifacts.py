"""Artifacts that an administrator has hidden.

A hidden artifact is private: only its owner, the members of its organisation and administrators see it, and it is in no list, count or
suggestion of others. Its owner can change or delete it, but cannot make or duplicate it public.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.errors import InvalidRequest
from hub.registry.accounts.audit import log_action
from hub.registry.artifacts.repositories import apply_settings
from hub.registry.artifacts.rows import NAME
from hub.registry.database.clock import from_column, utc_now
from hub.registry.membership.plain_text import plain_text

if TYPE_CHECKING:
    from hub.names import ArtifactName
    from hub.registry.accounts.permissions import Actor
    from hub.registry.database.database import Database

MAX_REASON = 500
"""Maximum length of the reason for hiding or blocking something, in characters."""


@dataclass(frozen=True, slots=True)
class HiddenArtifact:
    """An artifact that an administrator has hidden."""

    artifact: str
    """`owner/name`, or `datasets/owner/name`."""
    reason: str
    hidden_by: str
    at: datetime


_SELECT = f"SELECT {NAME} AS artifact, reason, hidden_by, at FROM hidden_artifacts JOIN artifacts ON artifacts.id = artifact_id"  # noqa: S608


def hidden_artifacts(database: Database, limit: int = 1000) -> list[HiddenArtifact]:
    """Return the hidden artifacts, newest first."""
    return [_hidden(row) for row in database.rows(f"{_SELECT} ORDER BY at DESC, key LIMIT :limit", {"limit": limit})]


def find_hidden(database: Database, name: ArtifactName) -> HiddenArtifact | None:
    """Return who has hidden an artifact, and why; None if it is not hidden."""
    rows = database.rows(f"{_SELECT} WHERE key = :key", {"key": name.key})
    return _hidden(rows[0]) if rows else None


def hide_artifact(database: Database, name: ArtifactName, reason: str, actor: Actor) -> None:
    """Hide an artifact, or change the reason. Raises InvalidRequest without a reason, UnknownArtifact."""
    from hub.registry.tables.artifacts import artifact_row
    from hub.registry.tables.moderation import HiddenArtifactRow

    reason = check_reason(reason)
    with database.transaction() as session:
        row = artifact_row(session, name)
        known = session.get(HiddenArtifactRow, row.id) if row else None
        if known is not None:
            known.reason, known.hidden_by = reason, actor.name
        else:
            former = apply_settings(database, session, name, {"private": True})
            hidden = HiddenArtifactRow(
                artifact_id=former.id, reason=reason, hidden_by=actor.name, at=utc_now(), was_private=former.was_private
            )
            session.add(hidden)
        log_action(session, actor, "repository.hide", str(name), reason=reason)


def show_artifact(database: Database, name: ArtifactName, actor: Actor) -> None:
    """Show a hidden artifact again, as visible as it was before; nothing happens if it is not hidden. Raises UnknownArtifact."""
    from hub.registry.tables.artifacts import artifact_row
    from hub.registry.tables.moderation import HiddenArtifactRow

    with database.transaction() as session:
        row = artifact_row(session, name)
        known = session.get(HiddenArtifactRow, row.id) if row else None
        if known is None:
            return
        was_private = known.was_private
        session.delete(known)
        session.flush()
        apply_settings(database, session, name, {"private": was_private})
        log_action(session, actor, "repository.show", str(name))


def check_reason(reason: str) -> str:
    """Return the reason for hiding or blocking something, as one line. Raises InvalidRequest."""
    reason = " ".join(plain_text(reason, MAX_REASON, "the reason").split())
    if not reason:
        raise InvalidRequest("the reason is missing: give one for the owner and the other administrators.")
    return reason


def _hidden(row: Any) -> HiddenArtifact:
    return HiddenArtifact(row["artifact"], row["reason"], row["hidden_by"], from_column(row["at"]))
