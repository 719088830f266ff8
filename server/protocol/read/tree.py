"""GET /api/models/{repository}/tree/{revision}[/{folder}]: the content of a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import UnknownFile
from hub.local import LocalHub
from hub.records import File, Revision
from hub.registry.artifacts.history import last_changes
from hub.registry.artifacts.scans import Scan, scans_in
from hub.registry.uploads.blob_ids import git_ids
from server.auth.access import Hub, VisibleArtifact
from server.http.paging import next_link, offset_of
from server.http.times import rfc3339_or_epoch
from server.http.urls import Segment, commit_id
from server.protocol.read.git_objects import blob_id, folder_ids, in_git, pointer
from server.protocol.read.properties import is_true
from server.protocol.read.resolve import listing_command
from server.protocol.read.security import HARMLESS, file_status

F = TypeVar("F")
"""A stored file or a mirrored one."""
PAGE = 1000
"""Entries per page, as on the Hugging Face Hub."""
EXPANDED_PAGE = 50
"""Entries per page with the last commit of each."""


def list_tree(request: Request, hub: Hub, artifact: VisibleArtifact, revision: Segment, path: Segment = "") -> Response:
    """List files and folders directly under `path`, or everything below it with `recursive=true`. Raises UnknownFile."""
    found = hub.registry.revision(artifact.name, revision)
    request.state.commit = commit_id(found.id)
    below = paths_below((file.path for file in found.files), path.strip("/"), recursive=is_true(request, "recursive"))
    if not below and path:
        folders = sorted({str(file.path).rpartition("/")[0] for file in found.files} - {""})
        raise UnknownFile(path, folders, listing=listing_command(found))
    begin = offset_of(request)
    is_expanded = is_true(request, "expand")
    end = begin + (EXPANDED_PAGE if is_expanded else PAGE)
    headers = {"X-Repo-Commit": commit_id(found.id)}
    if end < len(below):
        headers |= next_link(request, end)
    page = own_entries(below[begin:end], hub, found)
    return JSONResponse(expand_entries(hub, found, page) if is_expanded else page, headers=headers)


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


def paths_below(paths: Iterable[str], folder: str, *, recursive: bool) -> list[str]:
    """Return the folders and files of `paths` below a folder, folders first, each sorted."""
    start = len(folder) + 1 if folder else 0
    files = [path for path in paths if not folder or path.startswith(f"{folder}/")]
    folders = set[str]()
    if not recursive:
        folders = {path[: path.index("/", start)] for path in files if "/" in path[start:]}
        files = [path for path in files if "/" not in path[start:]]
    for path in files:
        above = path.rpartition("/")[0]
        while len(above) > len(folder) and above not in folders:
            folders.add(above)
            above = above.rpartition("/")[0]
    return sorted(folders) + sorted(files)


def entries_at(
    paths: Iterable[str], files: Mapping[str, F], entry_of: Callable[[F], dict[str, Any]], blob_of: Callable[[F], str]
) -> list[dict[str, Any]]:
    """Return the entries of the requested files and folders in this order, without those that do not exist.

    The ids of folders are computed for the whole revision at once, and only if a folder is requested.
    """
    requested = list(paths)
    has_folders = any(path not in files for path in requested)
    folders = folder_ids({path: blob_of(file) for path, file in files.items()}) if has_folders else {}
    return [
        entry_of(files[path]) if path in files else {"type": "directory", "path": path, "oid": folders[path], "size": 0}
        for path in requested
        if path in files or path in folders
    ]


def own_entries(paths: Iterable[str], hub: LocalHub, revision: Revision) -> list[dict[str, Any]]:
    """Return entries of a revision that is stored here, with the scans of files that can run code."""
    scans = scans_in(hub.registry.database, revision.id)
    files = {file.path: file for file in revision.files}
    wanted = list(paths)
    are_files = all(path in files for path in wanted)
    texts = text_ids(hub, (files[path] for path in wanted) if are_files else files.values())  # Ids of folders need all.
    return entries_at(
        wanted,
        files,
        lambda file: file_entry(file, scans.get(file.path), texts.get(file.path)),
        lambda file: texts.get(file.path) or blob_id(pointer(file)),
    )


def text_ids(hub: LocalHub, files: Iterable[File]) -> dict[str, str]:
    """Map the paths of those files that git stores itself to git's ids."""
    digests = {file.path: file.digest for file in files if in_git(file)}
    ids = git_ids(hub.registry.database, hub.store, digests.values())
    return {path: ids[digest] for path, digest in digests.items() if digest in ids}


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
