"""Find files and folders of a revision. Each question costs what it returns, whatever the size of the revision."""

# ruff: noqa: S608 - only names of tables and columns, and conditions with bound parameters, are put into SQL here.
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.git_objects import blob_id, folder_ids, pointer
from hub.names import Digest
from hub.records import File, counted_files

if TYPE_CHECKING:
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


def find_files(database: Database, revision_id: str, paths: Sequence[str]) -> dict[str, File]:
    """Map those of `paths` that are files of the revision to their files."""
    return {row["path"]: _file(row) for row in _rows_at(database, "files", revision_id, paths)}


def find_folders(database: Database, revision_id: str, paths: Sequence[str]) -> dict[str, Folder]:
    """Map those of `paths` that are folders of the revision to their folders."""
    return {row["path"]: _folder(row) for row in _rows_at(database, "folders", revision_id, paths)}


def first_within(database: Database, revision_ids: Sequence[str], files: int) -> int:
    """Return how many of the first revisions have at most this number of `files` together, but at least one."""
    question = "SELECT count(*) FROM (SELECT 1 FROM files WHERE revision_id = :id LIMIT :limit) AS some"
    left = files
    for number, revision_id in enumerate(revision_ids):
        left -= int(database.rows(question, {"id": revision_id, "limit": left + 1})[0][0])
        if left < 0:
            return max(1, number)
    return len(revision_ids)


def is_counted(database: Database, revision_id: str, path: str) -> bool:
    """Return whether a download of this file counts as one of the artifact; see `hub.records.counted_files`."""
    values = {"id": revision_id, "path": path}
    rows = database.rows("SELECT is_counted FROM files WHERE revision_id = :id AND path = :path", values)
    return bool(rows and rows[0][0])


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


def add_files(session: Session, revision_id: str, files: Sequence[File]) -> None:
    """Add the files of a new revision, and its folders. Their blobs and the revision are in the session already."""
    from sqlalchemy import insert

    from hub.registry.tables.artifacts import FileRow, FolderRow

    counted = counted_files(files)
    rows = [
        {
            "revision_id": revision_id, "path": file.path, "digest": file.digest.hex, "size_bytes": file.size_bytes,
            "folder": file.path.rpartition("/")[0], "is_counted": file.path in counted,
        }
        for file in files
    ]  # fmt: skip
    for table, added in ((FileRow, rows), (FolderRow, _folder_rows(revision_id, files))):
        if added:
            session.execute(insert(table), added)


def _folder_rows(revision_id: str, files: Iterable[File]) -> list[dict[str, Any]]:
    folders = folder_ids({file.path: blob_id(pointer(file)) for file in files})
    return [
        {"revision_id": revision_id, "path": path, "parent": path.rpartition("/")[0], "oid": oid}
        for path, oid in folders.items()
    ]


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
