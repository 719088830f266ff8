"""POST …/commit/{revision}: commit changes, sent as JSON lines after a header."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from hub.errors import InvalidName, InvalidRequest, InvalidSource
from hub.local import LocalHub
from hub.names import Digest, check_path
from hub.publish.commit import Change, Deletion, commit
from hub.records import Artifact, File, Revision
from hub.registry.accounts.permissions import Caller
from hub.registry.uploads.uploads import record_uploads, size_of_upload
from hub.strict_json import parse_json
from server.auth.access import Hub, WritableArtifact
from server.auth.caller import actor_of, caller_of
from server.auth.csrf_forms import PageCall
from server.auth.quota import has_quota, require_room
from server.http.request_bodies import MAX_COMMIT_BODY, read_body
from server.http.urls import Segment, absolute, commit_id, page_path
from server.protocol.write.unsupported import refuse_pull_requests

_MAX_CHANGES = 25_000
"""Maximum number of lines of a commit."""
_PARENT = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a commit."""

    message: str
    parent: str


async def make_commit(
    request: Request, hub: Hub, _page: PageCall, artifact: WritableArtifact, revision: Segment
) -> Response:
    """Apply all changes to a branch, or none. Raises InvalidRequest, InvalidSource, Conflict, OverQuota."""
    refuse_pull_requests(request)
    body = await read_body(request, MAX_COMMIT_BODY)
    made = await run_in_threadpool(_commit, request, hub, artifact, revision, body)
    oid = commit_id(made.id)
    return JSONResponse(
        {
            "success": True,
            "commitOid": oid,
            "commitUrl": absolute(request, f"{page_path(artifact)}/commit/{oid}"),
            "hookOutput": "",
            "pullRequestUrl": None,
        }
    )


def _commit(request: Request, hub: LocalHub, artifact: Artifact, branch: str, body: bytes) -> Revision:
    caller = caller_of(request, hub)
    header, lines = _read(body)
    if has_quota(hub, artifact.name):  # Before anything is stored.
        require_room(hub, artifact.name, _inline_sizes(lines))
    sent: dict[Digest, int] = {}
    changes = [_change(hub, artifact, caller, key, value, sent) for key, value in lines]
    record_uploads(hub.registry.database, caller, sent, owner=artifact.name.owner)
    require_room(hub, artifact.name, {each.digest: each.size_bytes for each in changes if isinstance(each, File)})
    return commit(
        artifact,
        changes,
        hub.registry,
        hub.store,
        actor_of(request, caller),
        message=header.message,
        branch=branch,
        parent=header.parent,
        readers=caller.readers(),
    )


def _read(body: bytes) -> tuple[Header, list[tuple[str, dict[str, Any]]]]:
    lines = list(_lines(body))
    if not lines or lines[0][0] != "header":
        raise InvalidRequest("the first line of a commit must have the key `header`.")
    first = lines.pop(0)[1]
    summary, description = first.get("summary"), first.get("description") or ""
    parent = first.get("parentCommit") or ""
    if not isinstance(summary, str) or not summary.strip() or not isinstance(description, str):
        raise InvalidRequest("a commit needs a `summary`.")
    if not isinstance(parent, str) or (parent and _PARENT.fullmatch(parent) is None):
        raise InvalidRequest("`parentCommit` is not a commit id.")
    return Header(f"{summary}\n\n{description}".strip()[:65_536], parent), lines


def _lines(body: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(body.splitlines(), 1):
        if not line.strip():
            continue
        if number > _MAX_CHANGES:
            raise InvalidRequest(f"a commit has at most {_MAX_CHANGES} lines: split it into several commits.")
        try:
            found = parse_json(line)
            key, value = found["key"], found["value"]
        except (ValueError, LookupError, TypeError) as error:
            reason = f" ({error})" if type(error) is ValueError else ""
            raise InvalidRequest(
                f"line {number} of this commit is not a JSON object with `key` and `value`{reason}."
            ) from error
        if not isinstance(key, str) or not isinstance(value, dict):
            raise InvalidRequest(f"line {number} of this commit must have a string as `key` and an object as `value`.")
        yield key, value


def _change(
    hub: LocalHub, artifact: Artifact, caller: Caller, key: str, value: dict[str, Any], sent: dict[Digest, int]
) -> Change:
    path = value.get("path")
    if not isinstance(path, str):
        raise InvalidRequest(f"a `{key[:40]}` line of this commit has no `path`.")
    check_path(path.rstrip("/") if key.startswith("deleted") else path)
    if key == "file":
        return _inline_file(hub, path, value, sent)
    if key == "lfsFile":
        return _uploaded_file(hub, artifact, caller, path, value)
    if key in {"deletedFile", "deletedFolder"}:
        return Deletion(path, is_folder=key == "deletedFolder")
    raise InvalidRequest(f"unknown change `{key[:40]}` in a commit to `{artifact.name}`.")


def _inline_sizes(lines: list[tuple[str, dict[str, Any]]]) -> dict[Digest, int]:
    """Return digests and sizes of the files whose content is in the lines."""
    contents = (_content(str(value.get("path"))[:200], value) for key, value in lines if key == "file")
    return {Digest(hashlib.sha256(content).hexdigest()): len(content) for content in contents}


def _inline_file(hub: LocalHub, path: str, value: dict[str, Any], sent: dict[Digest, int]) -> File:
    """Store a file whose content is in the line, and add its size to `sent`."""
    digest, size = hub.store.put(_content(path, value))
    sent[digest] = size
    return File(path, digest, size)


def _content(path: str, value: dict[str, Any]) -> bytes:
    content, encoding = value.get("content"), value.get("encoding", "base64")
    if not isinstance(content, str) or encoding not in ("base64", "utf-8"):  # Not a set: the value may be an object.
        raise InvalidRequest(f"`{path}` has no base64 content.")
    try:
        return base64.b64decode(content, validate=True) if encoding == "base64" else content.encode()
    except ValueError as error:  # Includes binascii.Error.
        raise InvalidRequest(f"the content of `{path}` is not valid base64.") from error


def _uploaded_file(hub: LocalHub, artifact: Artifact, caller: Caller, path: str, value: dict[str, Any]) -> File:
    """Return a file that was uploaded before, or is in a repository from which the caller can copy it."""
    try:
        digest = Digest(value["oid"])
    except (KeyError, TypeError, InvalidName) as error:
        raise InvalidRequest(f"`{path}` has no `oid` of 64 lowercase hex digits.") from error
    size = size_of_upload(hub.registry.database, caller, digest, artifact)
    if size is None or not hub.store.holds(digest, size):
        raise InvalidSource(f"the bytes of `{path}`, {digest}, were not uploaded: upload them, then commit again.")
    if value.get("size", size) != size:
        raise InvalidSource(f"`{path}` has {size} bytes, but the commit states {value['size']!r}.")
    return File(path, digest, size)
