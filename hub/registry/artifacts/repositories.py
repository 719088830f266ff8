"""Operations on repositories: configure, move, delete and like."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.errors import Conflict, Forbidden, UnknownArtifact
from hub.names import ArtifactName
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Account, Actor
from hub.registry.artifacts.rows import NAME, read_artifacts
from hub.registry.database.clock import utc_now
from hub.registry.events import CONFIG, REPO, emit
from hub.registry.index.tags import CURATED_OWNER, HAS_IMAGES, index_words
from hub.registry.index.text import words_of
from hub.registry.index.trending import LIKE, weight
from hub.registry.scores.evaluations import forget_evaluations
from hub.registry.scores.scores import rank_again

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database
    from hub.registry.tables.artifacts import ArtifactRow


_MAX_USED = 10_000
_used: dict[tuple[str, bytes], int] = {}
"""Address of the database and digest of an artifact's revisions → size of their files in bytes."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The former name of a deleted or moved artifact. Only accounts that can create artifacts in its namespace can use it again."""

    name: str
    moved_to: str
    """The present name; empty if the artifact was deleted."""


def tombstone_of(database: Database, name: ArtifactName) -> Tombstone | None:
    """Return the tombstone of a name; None if it was never used or is in use."""
    rows = database.rows("SELECT name, moved_to FROM tombstones WHERE key = :key", {"key": name.key})
    return Tombstone(rows[0]["name"], rows[0]["moved_to"]) if rows else None


def remove_tombstone(database: Database, name: ArtifactName, actor: Actor) -> None:
    """Release a reserved name. Raises UnknownArtifact if it has no tombstone."""
    from hub.registry.tables.accounts import TombstoneRow

    with database.transaction() as session:
        row = session.get(TombstoneRow, name.key)
        if row is None:
            raise UnknownArtifact(str(name), listing="hub admin audit")
        session.delete(row)
        log_action(session, actor, "repository.free", str(name))


def delete_repository(database: Database, name: ArtifactName, actor: Actor) -> None:
    """Delete an artifact and leave a tombstone. Its blobs stay in the store until they are garbage-collected."""
    from hub.registry.artifacts.record import remove
    from hub.registry.tables.accounts import TombstoneRow

    with database.transaction() as session:
        _get(session, name)
        remove(session, name)
        session.merge(TombstoneRow(key=name.key, name=str(name), moved_to="", at=utc_now()))
        log_action(session, actor, "repository.delete", str(name))


def move_repository(database: Database, name: ArtifactName, target: ArtifactName, actor: Actor) -> None:
    """Rename an artifact; the old name redirects to it until it is used again. Raises Conflict if the new name is in use."""
    from sqlalchemy import update

    from hub.registry.artifacts.record import enqueue_reference
    from hub.registry.index.facet_counts import facets_in, recount
    from hub.registry.tables.accounts import TombstoneRow
    from hub.registry.tables.artifacts import artifact_row

    with database.transaction() as session:
        row = _get(session, name)
        other = artifact_row(session, target)
        tombstone = session.get(TombstoneRow, target.key)
        if other is not None and other.id != row.id:
            raise Conflict(f"`{target}` is in use: choose another name.")
        if tombstone is not None:
            session.delete(tombstone)
        emit(session, row, REPO, "move", movedTo={"name": target.repository, "owner": {"id": target.owner}})
        former = facets_in(session, row)
        row.owner, row.name, row.key, row.bare_key = target.owner, target.name, target.key, target.name.lower()
        renamed = dataclasses.replace(read_artifacts(database, [row.id])[0], name=target)
        row.words, row.facets = words_of(renamed), index_words(renamed, has_images=HAS_IMAGES in row.facets.split())
        recount(session, former, facets_in(session, row))
        forget_evaluations(session, row)
        rank_again(session, row)
        moved = update(TombstoneRow).where(TombstoneRow.moved_to == str(name)).values(moved_to=str(target))
        session.execute(moved)
        if target.key != name.key:
            session.merge(TombstoneRow(key=name.key, name=str(name), moved_to=str(target), at=utc_now()))
        log_action(session, actor, "repository.move", str(name), to=str(target))
        enqueue_reference(session, name)
        enqueue_reference(session, target)


def change_settings(database: Database, name: ArtifactName, actor: Actor, **settings: Any) -> None:
    """Change settings of an artifact: `private`, `gated` or `allow_unsafe_files`.

    Raises Forbidden for an artifact that an administrator has hidden, if it would become public.
    """
    assert settings.keys() <= {"private", "gated", "allow_unsafe_files"}
    with database.transaction() as session:
        apply_settings(database, session, name, settings)
        log_action(session, actor, "repository.settings", str(name), **settings)


@dataclass(frozen=True, slots=True)
class Former:
    """The settings of an artifact before they changed."""

    id: int
    was_private: bool


def apply_settings(database: Database, session: Session, name: ArtifactName, settings: dict[str, Any]) -> Former:
    """Change settings of an artifact in a transaction, as `change_settings` does, without an entry in the audit log."""
    from hub.registry.artifacts.record import enqueue_reference
    from hub.registry.index.facet_counts import facets_in, recount
    from hub.registry.tables.moderation import HiddenArtifactRow

    row = _get(session, name)
    if settings.get("private") is False and session.get(HiddenArtifactRow, row.id) is not None:
        raise Forbidden(f"`{name}` was hidden by an administrator, and cannot be public: its page says why.")
    known, former = Former(row.id, row.private), facets_in(session, row)
    for setting, value in settings.items():
        setattr(row, setting, value)
    changed = dataclasses.replace(read_artifacts(database, [row.id])[0], gated=row.gated)
    row.facets = index_words(changed, has_images=HAS_IMAGES in row.facets.split())
    recount(session, former, facets_in(session, row))
    session.flush()
    emit(session, row, CONFIG, "update", updatedConfig=settings)
    enqueue_reference(session, name)
    return known


def allow_unsafe_files(database: Database, name: ArtifactName, allowed: bool, actor: Actor) -> None:
    """Allow or forbid files that can run code in an artifact."""
    change_settings(database, name, actor, allow_unsafe_files=allowed)


def like(database: Database, name: ArtifactName, account: Account, actor: Actor) -> None:
    """Add a like of `account`; nothing happens if it already likes the artifact."""
    from hub.registry.tables.accounts import LikeRow

    with database.transaction() as session:
        row = _get(session, name)
        if session.get(LikeRow, (account.id, row.id)) is None:
            session.add(LikeRow(account_id=account.id, artifact_id=row.id, at=utc_now()))
            row.trending += LIKE * weight()
            log_action(session, actor, "like", str(name))
        session.flush()
        row.likes = _count_likes(session, row.id)


def unlike(database: Database, name: ArtifactName, account: Account, actor: Actor) -> None:
    """Remove the like of `account`; nothing happens if there is none."""
    from hub.registry.tables.accounts import LikeRow

    with database.transaction() as session:
        row = _get(session, name)
        found = session.get(LikeRow, (account.id, row.id))
        if found is not None:
            session.delete(found)
            session.flush()
            log_action(session, actor, "unlike", str(name))
        row.likes = _count_likes(session, row.id)


def likes(database: Database, name: ArtifactName, account: Account) -> bool:
    """Return whether an account likes `name`."""
    question = (
        "SELECT 1 FROM likes JOIN artifacts ON artifacts.id = artifact_id WHERE account_id = :account AND key = :key"
    )
    return bool(database.rows(question, {"account": account.id, "key": name.key}))


def likers(database: Database, name: ArtifactName) -> list[tuple[str, str]]:
    """Return the names and full names of the accounts that like `name`."""
    rows = database.rows(
        "SELECT accounts.name, full_name FROM likes JOIN accounts ON accounts.id = account_id "
        "JOIN artifacts ON artifacts.id = artifact_id WHERE artifacts.key = :key ORDER BY at",
        {"key": name.key},
    )
    return [(row["name"], row["full_name"]) for row in rows]


def liked_by(database: Database, account: Account) -> list[str]:
    """Return the names of the artifacts that an account likes, newest like first."""
    rows = database.rows(
        f"SELECT {NAME} AS name FROM likes JOIN artifacts ON artifacts.id = artifact_id "  # noqa: S608 - NAME is a constant
        "WHERE account_id = :id ORDER BY at DESC",
        {"id": account.id},
    )
    return [row["name"] for row in rows]


def used_bytes(database: Database, name: ArtifactName) -> int:
    """Return the size in bytes of all distinct files in the revisions of an artifact.

    It is remembered until the revisions change: adding it up reads every file of every revision.
    """
    revisions = database.rows(
        "SELECT revisions.id FROM revisions JOIN artifacts ON artifacts.id = artifact_id WHERE key = :key ORDER BY 1",
        {"key": name.key},
    )
    state = hashlib.sha256("".join(row[0] for row in revisions).encode()).digest()
    if (known := _used.get((database.address, state))) is None:
        rows = database.rows(
            "SELECT coalesce(sum(size_bytes), 0) FROM (SELECT DISTINCT digest, files.size_bytes FROM files "
            "JOIN revisions ON revisions.id = revision_id JOIN artifacts ON artifacts.id = artifact_id WHERE key = :key) AS held",
            {"key": name.key},
        )
        known = int(rows[0][0])
        if len(_used) >= _MAX_USED:
            _used.clear()
        _used[database.address, state] = known
    return known


def count_children(database: Database, name: ArtifactName) -> int:
    """Return the number of public artifacts whose base is `name`."""
    spellings = {"full": name.key, "bare": name.name.lower() if name.owner == CURATED_OWNER else name.key}
    question = (
        "SELECT coalesce(sum(artifacts), 0) FROM facet_counts WHERE facet = 'base' AND lower(value) IN (:full, :bare)"
    )
    return int(database.rows(question, spellings)[0][0])


def _count_likes(session: Session, artifact_id: int) -> int:
    from sqlalchemy import func, select

    from hub.registry.tables.accounts import LikeRow

    return session.scalar(select(func.count()).select_from(LikeRow).where(LikeRow.artifact_id == artifact_id)) or 0


def _get(session: Session, name: ArtifactName) -> ArtifactRow:
    from hub.registry.tables.artifacts import artifact_row

    row = artifact_row(session, name)
    if row is None:
        raise UnknownArtifact(str(name))
    return row
