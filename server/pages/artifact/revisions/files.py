"""GET …/tree/{revision}, …/tree/{revision}/{path} and …/blob/{revision}/{path}: the files of a revision, which clients link to."""

from __future__ import annotations

from codecs import getincrementaldecoder
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from hub.errors import UnknownFile
from hub.local import LocalHub
from hub.names import check_path
from hub.records import Artifact, File, Revision
from hub.registry.artifacts.files import Folder, files_in, find_files, find_folders, folders_in, paths_near
from hub.registry.artifacts.scans import find_scan, reason_for_block, scans_of
from hub.store import BlobStore
from hub.weights.header import SUFFIX
from server.auth.access import DescribedArtifact, Hub
from server.http.search_parameters import read_number
from server.http.urls import Segment, file_path, view_path
from server.pages.access_request import gate_of
from server.pages.artifact.frame import FILES, find_shown, render_tab, shown_revision
from server.pages.artifact.revisions.tensors import read_tensors
from server.protocol.read.resolve import is_image, listing_command

MAX_SHOWN = 64 << 10
"""Bytes of a text that its page contains, so that the page stays small."""
ENTRIES = 200
"""Folders, and files, of a folder on one page."""
TENSORS = 200
"""Tensors on one page."""


@dataclass(frozen=True, slots=True)
class ShownText:
    """The content of a text, or its beginning."""

    content: str
    is_whole: bool


def show_tree(request: Request, hub: Hub, revision: Segment) -> Response:
    """Show the files at the top of a revision."""
    artifact = find_shown(request, hub)
    if isinstance(artifact, Response):
        return artifact
    return _show_entries(request, hub, artifact, shown_revision(hub, artifact, revision), revision, "")


def show_folder(request: Request, hub: Hub, artifact: DescribedArtifact, revision: Segment, path: Segment) -> Response:
    """Show the content of a folder. Raises UnknownFile."""
    shown, folder = shown_revision(hub, artifact, revision), path.strip("/")
    if not folder:
        return RedirectResponse(view_path(artifact, "tree", revision), 307)
    if find_files(hub.registry.database, shown.id, [folder]):
        return RedirectResponse(view_path(artifact, "blob", revision, folder), 307)
    _require_folder(hub, shown, folder)
    return _show_entries(request, hub, artifact, shown, revision, folder)


def show_file(request: Request, hub: Hub, artifact: DescribedArtifact, revision: Segment, path: Segment) -> Response:
    """Show a file: a text, an image, or the tensors of weights; its content only to users who can download it. Raises UnknownFile."""
    shown, name = shown_revision(hub, artifact, revision), path.strip("/")
    check_path(name)
    file = find_files(hub.registry.database, shown.id, [name]).get(name)
    if file is None:
        _require_folder(hub, shown, name)
        return RedirectResponse(view_path(artifact, "tree", revision, name), 307)
    scan = find_scan(hub.registry.database, file.digest)
    blocked = reason_for_block(hub.registry.database, file.digest)
    context = {**_place(revision, name), "file": file, "scan": scan, "blocked": blocked}
    context |= {"text": None, "image": "", "weights": None, "previous": "", "next": ""}
    if not gate_of(request, hub, artifact)["gate"] and not (scan and scan.is_blocked) and blocked is None:
        context |= _content(request, hub, artifact, shown, file)
    return render_tab("artifact/file.html", FILES, request, hub, artifact, shown, context)


def _show_entries(
    request: Request, hub: LocalHub, artifact: Artifact, shown: Revision, revision: str, folder: str
) -> Response:
    """Show one page of the folders and files of a folder, those after the path `after`."""
    database, after = hub.registry.database, request.query_params.get("after", "")[:1100]
    folders = folders_in(database, shown.id, folder, recursive=False, after=after, limit=ENTRIES + 1)
    files = files_in(database, shown.id, folder, recursive=False, after=after, limit=ENTRIES + 1)
    # Both lists continue after one path, so the page ends where the shorter one was cut off.
    ends = [each[ENTRIES - 1].path for each in (folders, files) if len(each) > ENTRIES]
    end = min(ends, default="")
    listed: list[Folder | File] = [*folders, *files]
    entries = [each for each in listed if not end or each.path <= end]
    context = {
        **_place(revision, folder),
        "entries": [(each.path.rpartition("/")[2], each) for each in entries],
        "scans": scans_of(database, (each for each in entries if isinstance(each, File))),
        "next": f"{view_path(artifact, 'tree', revision, folder)}?{urlencode({'after': end})}" if end else "",
        "is_continued": bool(after),
    }
    return render_tab("artifact/folder.html", FILES, request, hub, artifact, shown, context)


def _place(revision: str, path: str) -> dict[str, object]:
    """Return what the pages of files and folders have in common: the folders above `path`, with their names."""
    parts = path.split("/") if path else []
    above = [(part, "/".join(parts[: number + 1])) for number, part in enumerate(parts[:-1])]
    return {"revision": revision, "above": above, "name": parts[-1] if parts else "", "path": path}


def _require_folder(hub: LocalHub, shown: Revision, folder: str) -> None:
    database = hub.registry.database
    if not find_folders(database, shown.id, [folder]):
        raise UnknownFile(folder, paths_near(database, shown.id, folder), listing=listing_command(shown))


def _content(request: Request, hub: LocalHub, artifact: Artifact, shown: Revision, file: File) -> dict[str, object]:
    """Return the content to show of a file that the caller can download."""
    if is_image(file.path):
        return {"image": file_path(artifact, shown, file.path)}
    if file.path.endswith(SUFFIX):
        weights = read_tensors(hub.store, file)
        if weights is None:
            return {}
        page = read_number("page", request.query_params.get("page", "1"), 1, 10**6)
        tensors = weights.tensors[(page - 1) * TENSORS : page * TENSORS]
        return {
            "weights": weights,
            "tensors": tensors,
            "previous": f"?page={page - 1}" if page > 1 else "",
            "next": f"?page={page + 1}" if page * TENSORS < len(weights.tensors) else "",
        }
    return {"text": _text(hub.store, file)}


def _text(store: BlobStore, file: File) -> ShownText | None:
    """Return the beginning of a text in UTF-8; None for any other file."""
    with store.open(file.digest, file.size_bytes) as opened:
        content = opened.read(MAX_SHOWN + 1)
    is_whole = len(content) <= MAX_SHOWN
    if not is_whole:
        content = content[: content.rfind(b"\n", 0, MAX_SHOWN) + 1] or content[:MAX_SHOWN]
    try:
        # The last character may be cut off, unless the text is whole.
        decoded = getincrementaldecoder("utf-8")().decode(content, final=is_whole)
    except UnicodeDecodeError:
        return None
    return None if b"\0" in content else ShownText(decoded, is_whole)
