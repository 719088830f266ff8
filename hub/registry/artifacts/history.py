"""Walk the ancestors of a revision, and find which of them last changed a file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from hub.records import Revision

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_REVISIONS = 2000
"""Maximum number of revisions that are compared to find the last change of a file; older changes count for the last of them."""
_CHANGED = (
    "SELECT path FROM files AS one WHERE revision_id = :newer AND NOT EXISTS (SELECT 1 FROM files AS other "
    "WHERE other.revision_id = :older AND other.path = one.path AND other.digest = one.digest) "
    "UNION SELECT path FROM files AS one WHERE revision_id = :older AND NOT EXISTS "
    "(SELECT 1 FROM files AS other WHERE other.revision_id = :newer AND other.path = one.path)"
)


def ancestors(revisions: Iterable[Revision], start: Revision) -> list[Revision]:
    """Return a revision and its ancestors among `revisions`, newest first."""
    known = {each.id: each for each in revisions}
    history, at = [start], start.parent
    while at in known:
        history.append(known[at])
        at = known[at].parent
    return history


def newest_unyanked(known: Mapping[str, Revision], start: str) -> Revision | None:
    """Return `start` or its nearest ancestor that is not yanked, among the `known` revisions by id; see `current_revisions`."""
    at = known.get(start)
    while at is not None and at.yanked:
        at = known.get(at.parent)
    return at


def last_changes(
    database: Database, revisions: Iterable[Revision], start: Revision, paths: Collection[str]
) -> dict[str, Revision]:
    """Map files and folders of a revision to the ancestor among `revisions` that last changed them or their content."""
    wanted, found = set(paths), dict[str, Revision]()
    history = ancestors(revisions, start)[: MAX_REVISIONS + 1]
    for index, newer in enumerate(history):
        if not wanted:
            break
        is_last = index + 1 == len(history)
        changed = wanted if is_last else wanted & _changed_paths(database, newer, history[index + 1])
        found |= dict.fromkeys(changed, newer)
        wanted -= set(changed)
    return found


def _changed_paths(database: Database, newer: Revision, older: Revision) -> set[str]:
    """Return the files that differ between two revisions, and all folders above them."""
    changed = [row[0] for row in database.rows(_CHANGED, {"newer": newer.id, "older": older.id})]
    folders = {str(parent) for path in changed for parent in PurePosixPath(path).parents}
    return folders.union(changed)
