"""Walk the ancestors of a revision, and find which of them last changed a file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hub.records import Revision

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_REVISIONS = 2000
"""Maximum number of revisions that are compared to find the last change of a path; older changes count for the last of them."""
_MAX_LOOKUPS = 100_000
"""Maximum number of paths times revisions that are compared: many paths are followed through fewer revisions."""
_STEP = 50
"""Revisions that are read with one query."""
_AT = "SELECT revision_id, path, {0} FROM {1} WHERE {2} AND {3}"


_CHANGED = (
    "SELECT path FROM files AS one WHERE revision_id = :newer AND NOT EXISTS (SELECT 1 FROM files AS other "
    "WHERE other.revision_id = :older AND other.path = one.path AND other.digest = one.digest) "
    "UNION SELECT path FROM files AS one WHERE revision_id = :older AND NOT EXISTS "
    "(SELECT 1 FROM files AS other WHERE other.revision_id = :newer AND other.path = one.path) ORDER BY path"
)


def changed_files(database: Database, newer: Revision, older: Revision | None) -> list[str]:
    """Return the paths of the files that differ between two revisions, sorted; all files without the older one."""
    values = {"newer": newer.id, "older": older.id if older else ""}
    return [row[0] for row in database.rows(_CHANGED, values)]


_LINE = (
    "WITH RECURSIVE line (id, parent, place) AS (SELECT id, parent, 1 FROM revisions WHERE id = :start UNION ALL "
    "SELECT revisions.id, revisions.parent, place + 1 FROM line JOIN revisions ON revisions.id = line.parent WHERE place < :limit) "
    "SELECT id FROM line ORDER BY place"
)


def line_of(database: Database, start: str, limit: int) -> list[str]:
    """Return the ids of up to `limit` revisions: `start`, its parent, and so on."""
    return [row[0] for row in database.rows(_LINE, {"start": start, "limit": limit})]


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
    """Map files and folders of a revision to the ancestor among `revisions` that last changed them or their content.

    A path has changed where its digest or, for a folder, its tree id differs from that of the parent. So the work depends on the
    number of `paths` and revisions, and not on the number of files.
    """
    history = ancestors(revisions, start)[: min(MAX_REVISIONS, _MAX_LOOKUPS // max(1, len(paths))) + 1]
    found: dict[str, Revision] = {}
    wanted, before = set(paths), dict[str, str]()
    for begin in range(0, len(history), _STEP):
        step = history[begin : begin + _STEP]
        contents = _contents(database, [each.id for each in step], sorted(wanted))
        for number, revision in enumerate(step, begin):
            at = contents.get(revision.id, {})
            changed = {path for path in wanted if number and at.get(path) != before.get(path)}
            found |= dict.fromkeys(changed, history[number - 1])
            wanted -= changed
            before = at
        if not wanted:
            break
    return found | dict.fromkeys(wanted, history[-1])


def _contents(database: Database, revision_ids: Sequence[str], paths: Sequence[str]) -> dict[str, dict[str, str]]:
    """Map revision ids to the digests of these files and the tree ids of these folders, by path."""
    in_revisions, revisions = database.in_list("revision_id", revision_ids, "revisions")
    at_paths, values = database.in_list("path", paths, "paths")
    found: dict[str, dict[str, str]] = {}
    for column, table in (("digest", "files"), ("oid", "folders")):
        question = _AT.format(column, table, in_revisions, at_paths)
        for revision_id, path, content in database.rows(question, {**revisions, **values}):
            found.setdefault(revision_id, {})[path] = content
    return found
