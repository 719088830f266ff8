"""Find files and folders of a revision. Each question costs what it returns, whatever the size of the revision."""

# ruff: noqa: S608 - only names of tables and columns, and conditions with bound parameters, are put into SQL here.
from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from hub.git_objects import blob_id, folder_ids, pointer
from hub.names import Digest
from hub.records import Artifact, File, Revision, counted_files
from hub.registry.index.tags import HAS_IMAGES, IMAGES

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database, ResultRow

NEAR = 200
"""Maximum number of paths that are read from each place to suggest a similar one."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a revision."""

    path: str
    oid: str
    """Its git tree id: 40 hex digits."""


class _Content(NamedTuple):
    """What a commit can change in the row of a file."""

    path: str
    digest: str
    size_bytes: int
    is_counted: bool


def find_files(database: Database, revision_id: str, paths: Sequence[str]) -> dict[str, File]:
    """Map those of `paths` that are files of the revision to their files."""
    return {row["path"]: _file(row) for row in _rows_at(database, "files", revision_id, paths)}


def find_in_revisions(database: Database, revision_ids: Sequence[str], path: str) -> dict[str, File]:
    """Map those of the revisions that have a file at `path` to the file."""
    among, values = database.in_list("revision_id", revision_ids, "ids")
    question = f"SELECT revision_id, path, digest, size_bytes FROM files WHERE {among} AND path = :path"
    return {row["revision_id"]: _file(row) for row in database.rows(question, {**values, "path": path})}


def sample_images(database: Database, artifacts: Sequence[Artifact]) -> dict[str, str]:
    """Map the revisions of those artifacts that have images to the path of the first one, not of one that the base alone drew."""
    shown = {each.name.key: each.revision for each in artifacts if each.revision and not each.gated}
    among, values = database.in_list("key", list(shown), "keys")
    with_images = database.rows(
        f"SELECT key FROM artifacts WHERE {among} AND ' ' || facets || ' ' LIKE :has",
        {**values, "has": f"% {HAS_IMAGES} %"},
    )
    endings = {f"ending_{number}": f"%{suffix}" for number, suffix in enumerate(IMAGES)}
    is_image = " OR ".join(f"lower(path) LIKE :{name}" for name in endings)
    of_base = "CASE WHEN path LIKE '%-base.%' THEN 1 ELSE 0 END"
    question = f"SELECT path FROM files WHERE revision_id = :id AND ({is_image}) ORDER BY {of_base}, path LIMIT 1"
    found = {}
    for row in with_images:
        revision = shown[row["key"]]
        for first in database.rows(question, {"id": revision, **endings}):
            found[revision] = first["path"]
    return found


def find_folders(database: Database, revision_id: str, paths: Sequence[str]) -> dict[str, Folder]:
    """Map those of `paths` that are folders of the revision to their folders."""
    return {row["path"]: _folder(row) for row in _rows_at(database, "folders", revision_id, paths)}


def first_within(database: Database, revision_ids: Sequence[str], files: int) -> int:
    """Return how many of the first revisions have at most this number of `files` together, but at least one."""
    question = "SELECT count(*) FROM (SELECT 1 FROM files WHERE revision_id = :id LIMIT :limit) AS counted"
    left = files
    for number, revision_id in enumerate(revision_ids):
        left -= int(database.rows(question, {"id": revision_id, "limit": left + 1})[0][0])
        if left < 0:
            return max(1, number)
    return len(revision_ids)


def find_counted(database: Database, revision_id: str, path: str) -> tuple[File, bool] | None:
    """Return a file, and whether a download of it counts as one of the artifact; see `hub.records.counted_files`."""
    values = {"id": revision_id, "path": path}
    rows = database.rows("SELECT * FROM files WHERE revision_id = :id AND path = :path", values)
    return (_file(rows[0]), bool(rows[0]["is_counted"])) if rows else None


def folders_in(
    database: Database, revision_id: str, folder: str, *, recursive: bool, after: str, limit: int
) -> list[Folder]:
    """Return up to `limit` folders directly in a folder, or all below it, that follow the path `after`, sorted by path."""
    return [_folder(row) for row in _page(database, "folders", revision_id, folder, recursive, after, limit)]


def files_in(
    database: Database, revision_id: str, folder: str, *, recursive: bool, after: str, limit: int
) -> list[File]:
    """Return files as `folders_in` returns folders."""
    return [_file(row) for row in _page(database, "files", revision_id, folder, recursive, after, limit)]


def paths_near(database: Database, revision_id: str, path: str, *, folders: bool = False) -> list[str]:
    """Return files, or folders, next to a path that does not exist and at the top: at most 2 · NEAR, to suggest one."""
    page = folders_in if folders else files_in
    places = dict.fromkeys((path.rpartition("/")[0], ""))
    found = [page(database, revision_id, each, recursive=False, after="", limit=NEAR) for each in places]
    below = page(database, revision_id, "", recursive=True, after="", limit=NEAR)
    return list(dict.fromkeys(each.path for listed in (*found, below) for each in listed))


def add_files(session: Session, revisions: Sequence[Revision]) -> None:
    """Add the blobs, files and folders of new revisions, whose rows are in the session already.

    Rows that a parent has too are copied inside the database, so that a commit of a few files to a large repository takes little
    longer than the copy, during which other writers wait.
    """
    from sqlalchemy import insert, text

    from hub.registry.tables.artifacts import FileRow, FolderRow
    from hub.registry.tables.base import table_of

    connection = session.connection()
    files, folders = list[dict[str, Any]](), list[dict[str, Any]]()
    for revision in revisions:
        whole, before = _contents_of(revision), _recorded_contents(connection, revision.parent)
        new, gone = whole - before, {content.path for content in before - whole}
        is_copied = len(new) + len(gone) <= len(before)
        new = new if is_copied else whole
        stale = {above for path in {*gone, *(content.path for content in new)} for above in _above(path)}
        known = _copy(connection, revision, gone, stale) if is_copied else {}
        files += [
            {**content._asdict(), "revision_id": revision.id, "folder": content.path.rpartition("/")[0]}
            for content in sorted(new)
        ]
        listed = (file for file in revision.files if file.path.rpartition("/")[0] in stale)
        ids = folder_ids({file.path: blob_id(pointer(file)) for file in listed}, known)
        folders += [
            {"revision_id": revision.id, "path": path, "parent": path.rpartition("/")[0], "oid": oid}
            for path, oid in ids.items()
        ]
    blobs = {row["digest"]: row["size_bytes"] for row in files}
    if blobs:
        # As text: SQLAlchemy's dialects take 80 ms to import, and every first `hub search` would wait for them.
        statement = text("INSERT INTO blobs (digest, size_bytes) VALUES (:digest, :size) ON CONFLICT DO NOTHING")
        connection.execute(statement, [{"digest": digest, "size": size} for digest, size in blobs.items()])
    for table, rows in ((FileRow, files), (FolderRow, folders)):
        if rows:
            connection.execute(insert(table_of(table)), rows)


def _contents_of(revision: Revision) -> set[_Content]:
    counted = counted_files(revision.files)
    return {_Content(file.path, file.digest.hex, file.size_bytes, file.path in counted) for file in revision.files}


def _recorded_contents(connection: Connection, revision_id: str) -> set[_Content]:
    """Return the contents of a recorded revision; none for an unknown one."""
    from sqlalchemy import text

    question = text(f"SELECT {', '.join(_Content._fields)} FROM files WHERE revision_id = :id")
    rows = connection.execute(question, {"id": revision_id}) if revision_id else ()
    return {_Content(path, digest, size, bool(is_counted)) for path, digest, size, is_counted in rows}


def _copy(connection: Connection, revision: Revision, gone: Collection[str], stale: Collection[str]) -> dict[str, str]:
    """Copy the files of a revision's parent without those that are `gone`, and its folders without the `stale` ones.

    Return the copied folders, by path, with their ids.
    """
    from sqlalchemy import text

    values = {"id": revision.id, "parent": revision.parent}
    for table, columns, dropped in (
        ("files", "path, digest, size_bytes, folder, is_counted", gone),
        ("folders", "path, parent, oid", stale),
    ):
        copy = f"INSERT INTO {table} (revision_id, {columns}) SELECT :id, {columns} FROM {table} WHERE revision_id = :parent"
        connection.execute(text(copy), values)
        if dropped:
            drop = text(f"DELETE FROM {table} WHERE revision_id = :id AND path = :path")
            connection.execute(drop, [{"id": revision.id, "path": path} for path in dropped])
    copied = text("SELECT path, oid FROM folders WHERE revision_id = :id")
    return {row.path: row.oid for row in connection.execute(copied, {"id": revision.id})}


def _above(path: str) -> Iterator[str]:
    """Yield the folders that contain a file, innermost first."""
    while path := path.rpartition("/")[0]:
        yield path


def _rows_at(database: Database, table: str, revision_id: str, paths: Sequence[str]) -> Sequence[ResultRow]:
    among, values = database.in_list("path", paths, "paths")
    return database.rows(f"SELECT * FROM {table} WHERE revision_id = :id AND {among}", {"id": revision_id, **values})


def _page(
    database: Database, table: str, revision_id: str, folder: str, recursive: bool, after: str, limit: int
) -> Sequence[ResultRow]:
    conditions, values = ["revision_id = :id", "path > :after"], {"id": revision_id, "after": after, "limit": limit}
    if not recursive:
        conditions.append(f"{'parent' if table == 'folders' else 'folder'} = :folder")
        values["folder"] = folder
    elif folder:
        conditions.append("path < :end")
        values |= {"after": max(after, f"{folder}/"), "end": f"{folder}0"}  # `0` follows `/`.
    return database.rows(f"SELECT * FROM {table} WHERE {' AND '.join(conditions)} ORDER BY path LIMIT :limit", values)


def _file(row: ResultRow) -> File:
    return File(row["path"], Digest(row["digest"]), row["size_bytes"])


def _folder(row: ResultRow) -> Folder:
    return Folder(row["path"], row["oid"])
