"""GET and HEAD /{repository}/resolve/{revision}/{path}: the bytes of one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

from fastapi import Request
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from hub.errors import DamagedBlob, UnknownFile
from hub.local import LocalHub
from hub.names import check_path
from hub.records import File, Revision
from hub.registry.artifacts.files import find_counted, paths_near
from hub.registry.artifacts.scans import require_harmless
from hub.store import BlobStore
from hub.store.checked import CHECKED_BYTES
from server.auth.access import readable_repository
from server.http.accel_redirect import offload_path
from server.http.blob_response import CHUNK_BYTES, BlobResponse
from server.http.urls import commit_id

FILE_POLICY = "default-src 'none'; sandbox"
"""A published file that a browser opens can be an image or text, but cannot run code."""
_IMAGES = {".png": "image/png", ".webp": "image/webp", ".jpg": "image/jpeg", ".gif": "image/gif"}
_TEXTS = (".md", ".txt", ".json", ".yaml", ".yml", ".csv")
_REDIRECT_S = 600
"""Seconds for which a redirect to a remote store is valid; clients follow it at once, and this server cannot end it."""
_FOREVER = "public, max-age=31536000, immutable"
_CLIENT = re.compile(r"\bhf_hub/(\d+)\.")


async def resolve_file(request: Request) -> Response:
    """Return the file at `path`, or ranges of it, with the header `X-Repo-Commit`, which Hugging Face clients need."""
    hub: LocalHub = request.app.state.hub
    respond = partial(_respond, request, hub, *(unquote(request.path_params[each]) for each in ("revision", "path")))
    # Clients request thousands of files at once. Threads that wait for Python's lock take as much processor time again as the request,
    # which does not block if registry and blobs are files of this machine.
    return respond() if hub.is_local else await run_in_threadpool(respond)


def _respond(request: Request, hub: LocalHub, revision: str, path: str) -> Response:
    repository = readable_repository(request, hub)
    found = hub.registry.revision(repository.name, revision, with_files=False)
    request.state.commit = commit_id(found.id)
    file, is_counted = _find_counted(hub, found, path)
    require_harmless(hub.registry.database, file)
    headers = _headers(file, found, revision_name=revision)
    if repository.private or repository.gated:  # A shared cache would return its copy to anyone.
        headers["Cache-Control"] = f"private, {headers['Cache-Control'].removeprefix('public, ')}"
    if headers["ETag"] in _etags(request):
        return Response(status_code=304, headers=headers)
    counts = is_counted and _starts_download(request)
    after = BackgroundTask(hub.registry.count_download, repository.name) if counts else None
    return blob_response(hub.store, file, headers, after, offload_path(request, file.digest))


def get_file(hub: LocalHub, revision: Revision, path: str) -> File:
    """Return the file at `path`. Raises InvalidName for an invalid path, UnknownFile for a missing one."""
    return _find_counted(hub, revision, path)[0]


def _find_counted(hub: LocalHub, revision: Revision, path: str) -> tuple[File, bool]:
    """Return the file at `path`, as `get_file` does, and whether a download of it counts."""
    check_path(path)
    found = find_counted(hub.registry.database, revision.id, path)
    if found is None:
        near = paths_near(hub.registry.database, revision.id, path)
        raise UnknownFile(path, near, listing=listing_command(revision))
    return found


def listing_command(revision: Revision) -> str:
    """Return the command that lists the files of a revision."""
    return f"hub show {revision.artifact} --revision {revision.number}"


def blob_response(
    store: BlobStore, file: File, headers: dict[str, str], after: BackgroundTask | None, offload: str = ""
) -> Response:
    """Return a response with a blob: from memory if it is small, from its local files, or sent by nginx from its path `offload`.

    Large blobs of a remote store are redirected. Raises DamagedBlob if the bytes are damaged or missing.
    """
    options: dict[str, Any] = {"headers": headers, "media_type": media_type_of(file.path), "background": after}
    is_small = file.size_bytes <= CHECKED_BYTES
    try:
        if is_small and not offload:
            with store.open(file.digest, file.size_bytes) as opened:
                return BlobResponse(opened.read(), **options)
        if (pieces := store.pieces(file.digest, file.size_bytes)) is not None:
            if offload and pieces[0].path.name == file.digest.hex:  # nginx sends files, not ranges of several.
                headers |= {"X-Accel-Redirect": offload}
                return Response(**options)
            return BlobResponse(pieces, **options)
        if not is_small and (url := store.url(file.digest, file.size_bytes, _REDIRECT_S)) is not None:
            headers |= {"Location": url, "Cache-Control": "no-store"}
            return Response(status_code=302, **options)
        opened = store.open(file.digest, file.size_bytes)
    except UnknownFile as error:
        raise DamagedBlob(file.digest.hex, is_missing=True) from error
    headers |= {"Content-Length": str(file.size_bytes), "Accept-Ranges": "none"}
    return StreamingResponse(_chunks(opened), **options)


def media_type_of(path: str) -> str:
    """Return the media type of images and text; `application/octet-stream` for all other files."""
    if path.lower().endswith(_TEXTS):
        return "text/plain; charset=utf-8"
    return _IMAGES.get(path[path.rfind(".") :].lower(), "application/octet-stream")


def is_image(path: str) -> bool:
    """Return whether the file is sent as an image."""
    return media_type_of(path).startswith("image/")


def file_headers(path: str, commit: str, *, is_pinned: bool) -> dict[str, str]:
    """Return the headers of every file response, whether the file is stored here or mirrored."""
    disposition = "attachment" if media_type_of(path) == "application/octet-stream" else "inline"
    return {
        "X-Repo-Commit": commit,
        "Cache-Control": _FOREVER if is_pinned else "no-cache",
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(path.rpartition('/')[2])}",
        "Content-Security-Policy": FILE_POLICY,
    }


def _chunks(opened: BinaryIO) -> Iterator[bytes]:
    with opened:
        yield from iter(partial(opened.read, CHUNK_BYTES), b"")


def _headers(file: File, revision: Revision, revision_name: str) -> dict[str, str]:
    is_pinned = re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", revision_name) is not None
    headers = {
        "ETag": f'"{file.digest}"',
        "X-Linked-Etag": f'"{file.digest}"',
        "X-Linked-Size": str(file.size_bytes),
        **file_headers(file.path, commit_id(revision.id), is_pinned=is_pinned),
    }
    if revision.yanked:
        headers["X-HF-Warning"] = f"yanked; revision {revision.number} of {revision.artifact} was yanked by its owner"
    return headers


def _etags(request: Request) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}


def _starts_download(request: Request) -> bool:
    """Return whether the request starts a download. HEAD requests and later ranges of a resumed download do not count.

    Since 2.0 Hugging Face's client marks downloads with a header; its other requests only inspect the file.
    """
    client = _CLIENT.search(request.headers.get("user-agent", ""))
    if client and int(client[1]) >= 2 and request.headers.get("x-hf-download-counter") != "1":
        return False
    return request.method == "GET" and request.headers.get("range", "bytes=0-").startswith("bytes=0-")
