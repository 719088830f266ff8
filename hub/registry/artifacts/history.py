"""A revision's ancestors, and which of them last changed a file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hub.records import Revision

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_REVISIONS = 2000
"""Revisions that are compared to find out who last changed a file; what is older counts as changed by the last of them."""
_CHANGED = (
    "SELECT path FROM files AS one WHERE revision_id = :newer AND NOT EXISTS (SELECT 1 FROM files AS other "
    "WHERE other.revision_id = :older AND other.path = one.path AND other.digest = one.digest) "
    "UNION SELECT path FROM files AS one WHERE revision_id = :older AND NOT EXISTS "
    "(SELECT 1 FROM files AS other WHERE other.revision_id = :newer AND other.path = one.path)"
)


def ancestors(revisions: Iterable[Revision], start: Revision) -> list[Revision]:
    """Return a revision and those of `revisions` that it was made on, newest first."""
    known = {each.id: each for each in revisions}
    history, at = [start], start.parent
    while at in known:
        history.append(known[at])
        at = known[at].parent
    return history


def newest_unyanked(known: Mapping[str, Revision], start: str) -> Revision | None:
    """The first revision from `start` back that is not yanked, among those `known` by id; see `chosen_revisions`."""
    at = known.get(start)
    while at is not None and at.yanked:
        at = known.get(at.parent)
    return at


def last_changes(
    database: Database, revisions: Iterable[Revision], start: Revision, paths: Collection[str]
) -> dict[str, Revision]:
    """Return, for files and folders of a revision, the ancestor among `revisions` that last changed them or something in them."""
    wanted, found = set(paths), dict[str, Revision]()
    history = ancestors(revisions, start)[: MAX_REVISIONS + 1]
    for place, newer in enumerate(history):
        if not wanted:
            break
        is_last = place + 1 == len(history)
        touched = wanted if is_last else wanted & _touched(database, newer, history[place + 1])
        found |= dict.fromkeys(touched, newer)
        wanted -= set(touched)
    return found


def _touched(database: Database, newer: Revision, older: Revision) -> set[str]:
    """Files that differ between two revisions, and all folders above them."""
    changed = [row[0] for row in database.rows(_CHANGED, {"newer": newer.id, "older": older.id})]
    folders = {str(parent) for path in changed for parent in PurePosixPath(path).parents}
    return folders.union(changed)
