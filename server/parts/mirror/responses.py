"""Respond to requests of the Hub protocol for mirrored repositories, with the commit ids of the upstream and without Xet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, cast
from urllib.parse import unquote

import anyio
from fastapi import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Send

from hub.errors import Forbidden, HubError, NotServed, UnknownFile
from hub.git_objects import pointer
from hub.names import Digest, check_path
from hub.records import File
from server.auth.caller import caller_of
from server.http.paging import next_link, offset_of
from server.http.request_bodies import MAX_BODY, read_body
from server.http.times import to_rfc3339
from server.parts.mirror.fetch import FetchReader
from server.parts.mirror.mirror import Mirror
from server.parts.mirror.mirrored_repositories import MirroredCommit, MirroredFile, MirroredRepository
from server.parts.mirror.mirrored_tree import entries_at, paths_below
from server.protocol.accounts import whoami
from server.protocol.read import paths, repository, resolve, tree
from server.protocol.read.properties import is_true
from server.protocol.read.resolve import blob_response, file_headers, media_type_of
from server.protocol.read.tree import PAGE
from server.protocol.transfer import xet
from server.protocol.write import branches

WAITING_REQUESTS = 16
"""Requests per worker that can wait for the upstream at the same time, so that threads remain for other requests."""
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_COUNTED = ("config.json", "model_index.json", "README.md")


async def handle_mirrored(request: Request, mirror: Mirror, repo: MirroredRepository) -> Response:
    """Respond to a request for a mirrored repository in place of the matched route. Raises HubError."""
    endpoint, limiter = request.scope["endpoint"], _limiter(request)
    if endpoint is paths.describe_paths:
        body = await read_body(request, MAX_BODY)
        is_json = request.headers.get("content-type", "").startswith("application/json")
        requested = paths.requested_paths(body, is_json=is_json)
        return await anyio.to_thread.run_sync(_describe_paths, request, mirror, repo, requested, limiter=limiter)
    handler = _HANDLERS.get(endpoint, _refuse)
    return await anyio.to_thread.run_sync(handler, request, mirror, repo, limiter=limiter)


def _describe(request: Request, mirror: Mirror, repo: MirroredRepository) -> Response:
    commit = _commit(request, mirror, repo)
    origin = mirror.origin(repo)
    with_blobs = is_true(request, "blobs")
    body = {
        **commit.description,
        "sha": commit.commit_id,
        "siblings": [_sibling(file) if with_blobs else {"rfilename": file.path} for file in commit.files],
        "usedStorage": sum(file.size_bytes for file in commit.files),
        "mirror": {"upstream": origin.upstream, "commit": commit.commit_id, "fetchedAt": to_rfc3339(commit.fetched_at)},
    }
    return JSONResponse(body, headers=_warning(request))


def _list_tree(request: Request, mirror: Mirror, repo: MirroredRepository) -> Response:
    commit = _commit(request, mirror, repo)
    folder = unquote(request.path_params.get("path", "")).strip("/")
    below = paths_below((file.path for file in commit.files), folder, recursive=is_true(request, "recursive"))
    if not below and folder:
        raise UnknownFile(folder, commit.folders)
    begin = offset_of(request)
    end = begin + PAGE
    headers = {"X-Repo-Commit": commit.commit_id, **_warning(request)}
    if end < len(below):
        headers |= next_link(request, end)
    return JSONResponse(_entries(commit, below[begin:end]), headers=headers)


def _describe_paths(request: Request, mirror: Mirror, repo: MirroredRepository, requested: list[str]) -> Response:
    commit = _commit(request, mirror, repo)
    headers = {"X-Repo-Commit": commit.commit_id, **_warning(request)}
    return JSONResponse(_entries(commit, dict.fromkeys(path.strip("/") for path in requested)), headers=headers)


def _list_refs(request: Request, mirror: Mirror, repo: MirroredRepository) -> Response:
    _commit(request, mirror, repo, revision="main")
    refs = mirror.refs(repo)
    listed = {
        kind: [
            {"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": commit}
            for name, commit in refs[kind].items()
        ]
        for kind, folder in (("branches", "heads"), ("tags", "tags"))
    }
    return JSONResponse({**listed, "converts": [], "pullRequests": []})


def _check_reading(request: Request, mirror: Mirror, repo: MirroredRepository) -> Response:
    mirror.check_access(
        repo, _commit(request, mirror, repo, revision="main"), is_account=_is_account(request, mirror, repo)
    )
    return JSONResponse({})


def _resolve(request: Request, mirror: Mirror, repo: MirroredRepository) -> Response:
    commit = _commit(request, mirror, repo)
    path = unquote(request.path_params["path"])
    check_path(path)
    file = mirror.file(commit, path)
    mirror.check_access(repo, commit, is_account=_is_account(request, mirror, repo))
    headers = _headers(request, commit, file)
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(file.size_bytes), "Accept-Ranges": "bytes"})
    found = mirror.bytes_of(repo, commit, file)
    if path in _COUNTED and request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
        mirror.hub.registry.count_download(repo.name)
    if isinstance(found, Digest):
        return blob_response(mirror.hub.store, File(path, found, file.size_bytes), headers, None)
    return _partial_download(request, found, headers)


def _refuse(request: Request, mirror: Mirror, repo: MirroredRepository) -> Response:
    """Refuse requests that change a mirrored repository or need its upstream."""
    upstream = mirror.origin(repo).upstream
    writes = {xet.grant_writing, whoami.check_writing}
    if request.method not in {"GET", "HEAD"} or request.scope["endpoint"] in writes:
        raise Forbidden(f"`{repo}` is mirrored from {upstream}: change it there, or publish under your own name.")
    raise NotServed(
        f"`{repo}` is mirrored from {upstream}: mirrors do not support this request, send it to {upstream}."
    )


def _commit(request: Request, mirror: Mirror, repo: MirroredRepository, revision: str = "") -> MirroredCommit:
    name = revision or unquote(request.path_params.get("revision", "main"))
    commit, request.state.warning = mirror.commit(repo, name)
    mirror.check_visible(repo, commit, is_account=_is_account(request, mirror, repo))
    request.state.commit = commit.commit_id
    return commit


def _is_account(request: Request, mirror: Mirror, repo: MirroredRepository) -> bool:
    return caller_of(request, mirror.hub).has_account_for(repo.name)


def _warning(request: Request) -> dict[str, str]:
    """Return the header with the warning about an outdated commit, which clients print."""
    return {"X-HF-Warning": request.state.warning} if request.state.warning else {}


def _headers(request: Request, commit: MirroredCommit, file: MirroredFile) -> dict[str, str]:
    is_pinned = unquote(request.path_params["revision"]) == commit.commit_id
    headers = {"ETag": f'"{file.etag}"', **file_headers(file.path, commit.commit_id, is_pinned=is_pinned)}
    if file.is_large:
        headers |= {"X-Linked-Etag": f'"{file.etag}"', "X-Linked-Size": str(file.size_bytes)}
    return headers | _warning(request)


def _partial_download(request: Request, reader: FetchReader, headers: dict[str, str]) -> Response:
    """Send the requested range of a file that is being downloaded."""
    size = reader.fetch.file.size_bytes
    start, end = _byte_range(request.headers.get("range", ""), size)
    if start >= end and size:
        reader.close()
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    headers |= {"Content-Length": str(end - start), "Accept-Ranges": "bytes"}
    is_part = (start, end) != (0, size)
    if is_part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    media_type = media_type_of(reader.fetch.file.path)
    return _PartialDownload(reader.read(start, end), 206 if is_part else 200, headers, media_type)


def _byte_range(header: str, size: int) -> tuple[int, int]:
    """Return start and end (exclusive) of a range; the whole file for an invalid one."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or found[0] == "bytes=-":
        return 0, size
    if not found[1]:
        return max(0, size - int(found[2])), size
    return int(found[1]), min(size, int(found[2]) + 1) if found[2] else size


class _PartialDownload(StreamingResponse):
    """A response that ends early if the download fails, so that the client sees an incomplete response."""

    async def stream_response(self, send: Send) -> None:
        """Send the file as it arrives."""
        try:
            await super().stream_response(send)
        except HubError:
            return  # Already logged.


def _entries(commit: MirroredCommit, requested: Iterable[str]) -> list[dict[str, Any]]:
    return entries_at(requested, commit, _file_entry)


def _file_entry(file: MirroredFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "path": file.path, "size": file.size_bytes, "oid": file.blob_id}
    return entry | ({"lfs": {"oid": file.etag, **_lfs(file)}} if file.is_large else {})


def _sibling(file: MirroredFile) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": file.path, "size": file.size_bytes, "blobId": file.blob_id}
    return entry | ({"lfs": {"sha256": file.etag, **_lfs(file)}} if file.is_large else {})


def _lfs(file: MirroredFile) -> dict[str, int]:
    lfs_pointer = pointer(File(file.path, Digest(file.etag), file.size_bytes))
    return {"size": file.size_bytes, "pointerSize": len(lfs_pointer)}


def _limiter(request: Request) -> anyio.CapacityLimiter:
    """Return the limiter of the application, which must be created inside its event loop."""
    state = request.app.state
    if not hasattr(state, "mirror_limiter"):
        state.mirror_limiter = anyio.CapacityLimiter(WAITING_REQUESTS)
    return cast(anyio.CapacityLimiter, state.mirror_limiter)


_HANDLERS: dict[Callable[..., Any], Callable[[Request, Mirror, MirroredRepository], Response]] = {
    repository.describe_repository: _describe,
    tree.list_tree: _list_tree,
    resolve.resolve_file: _resolve,
    branches.list_refs: _list_refs,
    whoami.check_reading: _check_reading,
}
"""Endpoint of the core → its replacement for mirrored repositories."""
