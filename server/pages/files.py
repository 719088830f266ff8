"""GET …/blob/{revision}/{path} and …/tree/{revision}/{path}: the pages of a file and of a folder, which clients link to."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import AllYanked, UnknownFile
from hub.local import LocalHub
from hub.names import check_path
from hub.records import Artifact, File, Revision
from hub.registry.artifacts.files import Folder, files_in, find_files, find_folders, folders_in, paths_near
from hub.store import BlobStore
from server.auth.access import DescribedArtifact, Hub
from server.http.urls import Segment, file_path, view_path
from server.pages.access_request import gate_of
from server.pages.rendering import render
from server.protocol.read.resolve import is_image, listing_command

MAX_SHOWN = 256 << 10
"""Bytes of the largest text that a page contains."""
MAX_ENTRIES = 1000
"""Entries of a folder on its page; the API lists the others."""


def show_file(request: Request, hub: Hub, artifact: DescribedArtifact, revision: Segment, path: Segment) -> Response:
    """Show a file: a short text or an image, otherwise its size; its content only to those who may download it. Raises UnknownFile."""
    shown, folder = shown_revision(hub, artifact, revision), path.strip("/")
    check_path(folder)
    file = find_files(hub.registry.database, shown.id, [folder]).get(folder)
    if file is None:
        _require_folder(hub, shown, folder)
        return RedirectResponse(view_path(artifact, "tree", revision, folder), 307)
    gate = gate_of(request, hub, artifact)
    text = _text(hub.store, file) if not gate["gate"] else None
    context = {**_place(artifact, shown, revision, folder), **gate, "file": file, "text": text}
    image = "" if gate["gate"] or not is_image(path) else file_path(artifact, shown, path)
    return render("file.html", {**context, "image": image}, request=request)


def show_folder(request: Request, hub: Hub, artifact: DescribedArtifact, revision: Segment, path: Segment) -> Response:
    """Show the content of a folder. Raises UnknownFile."""
    shown, folder = shown_revision(hub, artifact, revision), path.strip("/")
    if not folder:
        return RedirectResponse(view_path(artifact, "tree", revision), 307)
    database = hub.registry.database
    if find_files(database, shown.id, [folder]):
        return RedirectResponse(view_path(artifact, "blob", revision, folder), 307)
    _require_folder(hub, shown, folder)
    folders = folders_in(database, shown.id, folder, recursive=False, after="", limit=MAX_ENTRIES + 1)
    below: list[Folder | File] = [*folders]
    below += files_in(database, shown.id, folder, recursive=False, after="", limit=MAX_ENTRIES + 1)
    entries = [(each.path.rpartition("/")[2], each) for each in below[:MAX_ENTRIES]]
    context = {**_place(artifact, shown, revision, folder), "entries": entries, "is_whole": len(below) <= MAX_ENTRIES}
    return render("folder.html", context, request=request)


def shown_revision(hub: LocalHub, artifact: Artifact, revision: str) -> Revision:
    """Return the revision that a page shows, without its files: if all of a branch are yanked, the newest one, with a notice."""
    try:
        return hub.registry.revision(artifact.name, revision, with_files=False)
    except AllYanked:
        return hub.registry.tip(artifact.name, revision, with_files=False)


def _place(artifact: Artifact, shown: Revision, revision: str, path: str) -> dict[str, object]:
    """Return what the pages of files and folders have in common: the folders above `path`, with their names."""
    parts = path.split("/")
    above = [(part, "/".join(parts[: number + 1])) for number, part in enumerate(parts[:-1])]
    return {"artifact": artifact, "shown": shown, "revision": revision, "above": above, "name": parts[-1], "path": path}


def _require_folder(hub: LocalHub, shown: Revision, folder: str) -> None:
    database = hub.registry.database
    if not find_folders(database, shown.id, [folder]):
        raise UnknownFile(folder, paths_near(database, shown.id, folder), listing=listing_command(shown))


def _text(store: BlobStore, file: File) -> str | None:
    """Return the content of a short text in UTF-8; None for any other file."""
    if file.size_bytes > MAX_SHOWN:
        return None
    with store.open(file.digest, file.size_bytes) as opened:
        content = opened.read()
    try:
        return None if b"\0" in content else content.decode()
    except UnicodeDecodeError:
        return None
