"""GET /api/models/{repository}/tree/{revision}[/{folder}]: what lies in a folder of a revision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import UnknownFile
from hub.local import LocalHub
from hub.records import File, Revision
from hub.registry.ancestry import last_changes
from hub.registry.scans import Scan, scans_in
from server.access import Hub, Wanted
from server.addresses import Segment, commit_id
from server.paging import next_link, offset_of
from server.protocol.git_objects import blob_id, pointer, tree_id
from server.protocol.properties import is_true
from server.protocol.resolve import showing
from server.protocol.security import HARMLESS, NO_SCANS, file_status
from server.times import in_zulu_or_epoch

PAGE = 1000
"""Entries a page, as on the Hugging Face Hub."""
EXPANDED_PAGE = 50
"""The same, with the last commit of each."""


def list_tree(request: Request, hub: Hub, artifact: Wanted, revision: Segment, path: Segment = "") -> Response:
    """Files and folders directly under `path`, or all below it with `recursive=true`."""
    found = hub.registry.revision(artifact.name, revision)
    request.state.commit = commit_id(found.id)
    scans = scans_in(hub.registry.database, found.id)
    entries = tree_entries(found.files, path.strip("/"), recursive=is_true(request, "recursive"), scans=scans)
    if not entries and path:
        folders = sorted({str(file.path).rpartition("/")[0] for file in found.files} - {""})
        raise UnknownFile(path, folders, listing=showing(found))
    begin = offset_of(request)
    is_expanded = is_true(request, "expand")
    end = begin + (EXPANDED_PAGE if is_expanded else PAGE)
    headers = {"X-Repo-Commit": commit_id(found.id)}
    if end < len(entries):
        headers |= next_link(request, end)
    page = entries[begin:end]
    return JSONResponse(expand_entries(hub, found, page) if is_expanded else page, headers=headers)


def expand_entries(hub: LocalHub, revision: Revision, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same entries with the commit that last changed each; a file that the scanners leave alone cannot run code."""
    commits = last_changes(hub.registry, revision, [each["path"] for each in entries])
    return [
        ({"securityFileStatus": HARMLESS} if entry["type"] == "file" else {})
        | entry
        | {"lastCommit": _commit(commits[entry["path"]])}
        for entry in entries
    ]


def _commit(revision: Revision) -> dict[str, Any]:
    date = in_zulu_or_epoch(revision.created_at)
    return {"id": commit_id(revision.id), "title": revision.message.partition("\n")[0], "date": date}


def tree_entries(
    files: tuple[File, ...], folder: str, *, recursive: bool, scans: Mapping[str, Scan] = NO_SCANS
) -> list[dict[str, Any]]:
    """Entries below a folder, folders before files, each sorted by path."""
    below = [file for file in files if not folder or file.path.startswith(f"{folder}/")]
    start = len(folder) + 1 if folder else 0
    names = {file.path[:start] + part for file in below for part in _parents(file.path[start:])}
    folders = [
        {"type": "directory", "path": name, "oid": _folder_id(files, name), "size": 0}
        for name in sorted(names)
        if recursive or "/" not in name[start:]
    ]
    return folders + [
        file_entry(file, scans.get(file.path))
        for file in sorted(below, key=lambda file: file.path)
        if recursive or "/" not in file.path[start:]
    ]


def file_entry(file: File, scan: Scan | None = None) -> dict[str, Any]:
    """One file, as one kept by Git LFS; with what the scanners say of one that can run code."""
    held = pointer(file)
    lfs = {"oid": file.digest.hex, "size": file.size_bytes, "pointerSize": len(held)}
    entry = {"type": "file", "path": file.path, "size": file.size_bytes, "oid": blob_id(held), "lfs": lfs}
    return entry if scan is None else {**entry, "securityFileStatus": file_status(scan)}


def _folder_id(files: tuple[File, ...], folder: str) -> str:
    start = len(folder) + 1
    below = [file for file in files if file.path.startswith(f"{folder}/")]
    direct = {file.path[start:]: blob_id(pointer(file)) for file in below if "/" not in file.path[start:]}
    inner = {file.path[start:].partition("/")[0] for file in below if "/" in file.path[start:]}
    return tree_id(direct, {name: _folder_id(files, f"{folder}/{name}") for name in inner})


def _parents(path: str) -> list[str]:
    """`a/b/c.txt` → `a`, `a/b`."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
