"""POST …/paths-info/{revision}: the entries of requested files and folders, without those that do not exist."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from hub.errors import InvalidRequest
from hub.local import LocalHub
from hub.names import Digest
from hub.records import File, Repository
from hub.registry.uploads.blob_ids import xet_hashes
from hub.strict_json import parse_json
from server.auth.access import Hub, VisibleRepository
from server.http.request_bodies import MAX_BODY, read_body
from server.http.urls import Segment, commit_id
from server.protocol.read.tree import expand_entries, own_entries

_MAX = 5000


async def describe_paths(request: Request, hub: Hub, repository: VisibleRepository, revision: Segment) -> Response:
    """Return the entries of the requested paths. Python clients send a form, others JSON. Raises InvalidRequest."""
    body = await read_body(request, MAX_BODY)
    is_json = request.headers.get("content-type", "").startswith("application/json")
    given = _read(body, is_json=is_json)
    is_expanded = str(given.get("expand", "")).strip("[]'").lower() in {"true", "1"}
    describe = partial(_describe, request, hub, repository, revision, _paths(given), is_expanded=is_expanded)
    return await run_in_threadpool(describe)


def _describe(
    request: Request, hub: LocalHub, repository: Repository, revision: str, paths: list[str], *, is_expanded: bool
) -> Response:
    found = hub.registry.revision(repository.name, revision, with_files=False)
    request.state.commit = commit_id(found.id)
    entries = own_entries(dict.fromkeys(each.strip("/") for each in paths), hub, found)
    entries = expand_entries(hub, found, entries) if is_expanded else _with_xet_hashes(hub, entries)
    return JSONResponse(entries, headers={"X-Repo-Commit": commit_id(found.id)})


def _with_xet_hashes(hub: LocalHub, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries, those of LFS files with their Xet hash, without which clients refuse to copy them to other repositories.

    Only this answer has them, and only without `expand`: clients that see a Xet hash elsewhere download by Xet, which is not served.
    """
    large = [File(each["path"], Digest(each["lfs"]["oid"]), each["size"]) for each in entries if "lfs" in each]
    hashes = {digest.hex: found for digest, found in xet_hashes(hub.registry.database, hub.store, large).items()}
    return [
        each | ({"xetHash": hashes[each["lfs"]["oid"]]} if "lfs" in each and each["lfs"]["oid"] in hashes else {})
        for each in entries
    ]


def requested_paths(body: bytes, *, is_json: bool) -> list[str]:
    """Return the paths in a request body. Raises InvalidRequest."""
    return _paths(_read(body, is_json=is_json))


def _read(body: bytes, *, is_json: bool) -> dict[str, Any]:
    try:
        found = parse_json(body) if is_json else parse_qs(body.decode(), max_num_fields=2 * _MAX)
    except ValueError as error:
        raise InvalidRequest("the request body has no `paths`.") from error
    if not isinstance(found, dict):
        raise InvalidRequest("the request body has no `paths`.")
    return found


def _paths(given: dict[str, Any]) -> list[str]:
    paths = given.get("paths", [])
    paths = [paths] if isinstance(paths, str) else paths
    if not isinstance(paths, list) or not all(isinstance(each, str) for each in paths) or len(paths) > _MAX:
        raise InvalidRequest(f"`paths` must be a list of at most {_MAX} paths.")
    return paths
