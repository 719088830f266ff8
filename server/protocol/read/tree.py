"""GET /api/models/{repository}/tree/{revision}[/{folder}]: the content of a folder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import UnknownFile
from hub.git_objects import blob_id, in_git, pointer
from hub.local import LocalHub
from hub.records import File, Revision
from hub.registry.artifacts.files import Folder, files_in, find_files, find_folders, folders_in, paths_near
from hub.registry.artifacts.history import last_changes
from hub.registry.artifacts.scans import Scan, scans_of
from hub.registry.uploads.blob_ids import git_ids
from server.auth.access import Hub, VisibleRepository
from server.http.paging import link_to, position_of, write_position
from server.http.times import rfc3339_or_epoch
from server.http.urls import Segment, commit_id
from server.protocol.read.properties import is_true
from server.protocol.read.resolve import listing_command
from server.protocol.read.security import HARMLESS, file_status

PAGE = 1000
"""Entries per page, as on the Hugging Face Hub."""
EXPANDED_PAGE = 50
"""Entries per page with the last commit of each."""


def list_tree(
    request: Request, hub: Hub, repository: VisibleRepository, revision: Segment, path: Segment = ""
) -> Response:
    """List files and folders directly under `path`, or everything below it with `recursive=true`. Raises UnknownFile."""
    found = hub.registry.revision(repository.name, revision, with_files=False)
    request.state.commit = commit_id(found.id)
    folder, is_expanded = path.strip("/"), is_true(request, "expand")
    limit = EXPANDED_PAGE if is_expanded else PAGE
    in_files, after = position_of(request)
    listed = _entries_after(
        hub, found, folder, recursive=is_true(request, "recursive"), in_files=in_files, after=after, limit=limit + 1
    )
    if not listed and folder and not after:
        near = paths_near(hub.registry.database, found.id, folder, folders=True)
        raise UnknownFile(folder, near, listing=listing_command(found))
    page = listed[:limit]
    headers = {"X-Repo-Commit": commit_id(found.id)}
    if len(listed) > limit:
        headers |= link_to(request, write_position(request, in_files=isinstance(page[-1], File), after=page[-1].path))
    entries = _bodies(hub, page)
    return JSONResponse(expand_entries(hub, found, entries) if is_expanded else entries, headers=headers)


def _entries_after(
    hub: LocalHub, revision: Revision, folder: str, *, recursive: bool, in_files: bool, after: str, limit: int
) -> list[File | Folder]:
    """Return up to `limit` folders and then files of a folder that follow a position: `after`, among folders or `in_files`."""
    read: list[File | Folder] = []
    if not in_files:
        read += folders_in(hub.registry.database, revision.id, folder, recursive=recursive, after=after, limit=limit)
    if len(read) < limit:
        start, left = after if in_files else "", limit - len(read)
        read += files_in(hub.registry.database, revision.id, folder, recursive=recursive, after=start, limit=left)
    return read


def expand_entries(hub: LocalHub, revision: Revision, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries with the commit that last changed each and the security status of each file."""
    known = hub.registry.revisions(revision.artifact, with_files=False)
    commits = last_changes(hub.registry.database, known, revision, [each["path"] for each in entries])
    return [
        ({"securityFileStatus": HARMLESS} if entry["type"] == "file" else {})
        | entry
        | {"lastCommit": _commit(commits[entry["path"]])}
        for entry in entries
    ]


def _commit(revision: Revision) -> dict[str, Any]:
    date = rfc3339_or_epoch(revision.created_at)
    return {"id": commit_id(revision.id), "title": revision.message.partition("\n")[0], "date": date}


def own_entries(paths: Iterable[str], hub: LocalHub, revision: Revision) -> list[dict[str, Any]]:
    """Return the entries of these files and folders of a revision in this order, without those that do not exist."""
    requested, database = list(paths), hub.registry.database
    files = find_files(database, revision.id, requested)
    folders = find_folders(database, revision.id, [each for each in requested if each not in files])
    known: dict[str, File | Folder] = {**folders, **files}
    return _bodies(hub, [known[each] for each in requested if each in known])


def _bodies(hub: LocalHub, entries: Iterable[File | Folder]) -> list[dict[str, Any]]:
    listed = list(entries)
    files = [each for each in listed if isinstance(each, File)]
    scans, texts = scans_of(hub.registry.database, files), text_ids(hub, files)
    return [
        file_entry(each, scans.get(each.path), texts.get(each.path))
        if isinstance(each, File)
        else folder_entry(each.path, each.oid)
        for each in listed
    ]


def folder_entry(path: str, oid: str) -> dict[str, Any]:
    """Return the entry of a folder."""
    return {"type": "directory", "path": path, "oid": oid, "size": 0}


def text_ids(hub: LocalHub, files: Iterable[File]) -> dict[str, str]:
    """Map the paths of those files that git stores itself to git's ids."""
    texts = [file for file in files if in_git(file)]
    ids = git_ids(hub.registry.database, hub.store, texts)
    return {file.path: ids[file.digest] for file in texts if file.digest in ids}


def file_entry(file: File, scan: Scan | None = None, text_id: str | None = None) -> dict[str, Any]:
    """Return the entry of a file, as stored in git with `text_id`, otherwise in Git LFS; with its scan if it can run code."""
    entry: dict[str, Any] = {"type": "file", "path": file.path, "size": file.size_bytes}
    if text_id:
        entry |= {"oid": text_id}
    else:
        lfs_pointer = pointer(file)
        lfs = {"oid": file.digest.hex, "size": file.size_bytes, "pointerSize": len(lfs_pointer)}
        entry |= {"oid": blob_id(lfs_pointer), "lfs": lfs}
    return entry if scan is None else {**entry, "securityFileStatus": file_status(scan)}
