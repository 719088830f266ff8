"""POST …/preupload/{revision}: how to upload each file, and whether it has changed."""

from __future__ import annotations

import base64
from typing import Any

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from hub.errors import TooLarge
from hub.git_objects import blob_id
from hub.local import LocalHub
from hub.names import check_path
from hub.records import File
from hub.registry.artifacts.files import find_files
from hub.registry.uploads.xet_files import MAX_FILE_BYTES
from hub.store.read_whole import read_whole
from server.auth.access import Hub, WritableArtifact
from server.auth.quota import require_room
from server.http.urls import Segment, commit_id
from server.protocol.write.unsupported import refuse_pull_requests

MAX_INLINE = 1 << 20
"""Largest text in bytes that is sent in the commit; larger texts and all binary files are uploaded with Xet or LFS."""
_BINARY = (".safetensors", ".parquet", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".arrow", ".onnx", ".gguf", ".model")


class Candidate(BaseModel):
    """A file that the client plans to upload."""

    path: str
    sample: str = ""
    size: int = Field(ge=0, lt=2**63)


class Candidates(BaseModel):
    """Body of the request."""

    files: list[Candidate] = Field(max_length=1000)
    gitIgnore: str | None = None


def plan_upload(
    request: Request, hub: Hub, artifact: WritableArtifact, revision: Segment, body: Candidates
) -> Response:
    """Return `lfs` or `regular` for each file with its current id, so that the client skips unchanged files.

    Raises NotServed, TooLarge, OverQuota, DiskFull.
    """
    refuse_pull_requests(request)
    for each in body.files:
        check_path(each.path)
        if each.size > MAX_FILE_BYTES:
            raise TooLarge(
                f"`{each.path}` has {each.size:.3g} bytes, but a file has at most {MAX_FILE_BYTES}: split it."
            )
    head = hub.registry.tip(artifact.name, revision, with_files=False)
    known = find_files(hub.registry.database, head.id, [each.path for each in body.files])
    changed = (each.size for each in body.files if each.path not in known or known[each.path].size_bytes != each.size)
    require_room(hub, artifact.name, {}, unknown_bytes=sum(changed))
    files = [_plan(hub, each, known.get(each.path)) for each in body.files]
    return JSONResponse({"files": files, "commitOid": commit_id(head.id)})


def _plan(hub: LocalHub, candidate: Candidate, file: File | None) -> dict[str, Any]:
    mode = "regular" if _is_short_text(candidate) else "lfs"
    oid = _oid(hub, file, mode) if file is not None and file.size_bytes == candidate.size else None
    return {"path": candidate.path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}


def _oid(hub: LocalHub, file: File, mode: str) -> str | None:
    """Return the id that the client computes: the git blob id of a regular file, the SHA-256 of a large one.

    None if the stored bytes are damaged, so that the client sends them again.
    """
    if mode == "lfs":
        return file.digest.hex if hub.store.holds(file.digest, file.size_bytes) else None
    content = read_whole(hub.store, file.digest, file.size_bytes)
    return None if content is None else blob_id(content)


def _is_short_text(candidate: Candidate) -> bool:
    if candidate.size == 0:
        return True
    if candidate.size > MAX_INLINE or candidate.path.lower().endswith(_BINARY):
        return False
    try:
        sample = base64.b64decode(candidate.sample)
    except ValueError:  # Includes binascii.Error.
        return False
    if b"\0" in sample:
        return False
    for cut in range(4):  # The sample can end in the middle of a character.
        try:
            sample[: len(sample) - cut].decode()
        except UnicodeDecodeError:
            continue
        return True
    return False
