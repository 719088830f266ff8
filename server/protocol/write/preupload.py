"""POST …/preupload/{revision}: how each file is to be sent, and whether it has changed at all."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from hub.local import LocalHub
from hub.names import check_path
from hub.records import File
from server.auth.access import Hub, Writable
from server.auth.quota import require_room
from server.http.addresses import Segment, commit_id
from server.protocol.read.git_objects import blob_id
from server.protocol.write.unsupported import refuse_pull_requests

LARGEST_INLINE = 1 << 20
"""Bytes of a text that comes within the commit itself; longer ones, and all binaries, come by Xet or LFS."""
_BINARY = (".safetensors", ".parquet", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".arrow", ".onnx", ".gguf", ".model")
_MOST = 1000


class Candidate(BaseModel):
    """A file that the client thinks of sending."""

    path: str
    sample: str = ""
    size: int = Field(ge=0)


class Candidates(BaseModel):
    """Body of preupload."""

    files: list[Candidate] = Field(max_length=_MOST)
    gitIgnore: str | None = None


def plan_upload(request: Request, hub: Hub, artifact: Writable, revision: Segment, body: Candidates) -> Response:
    """`lfs` or `regular` for each file, with the id of what is there now: the client leaves out what has not changed."""
    refuse_pull_requests(request)
    head = hub.registry.tip(artifact.name, revision)
    known = {file.path: file for file in head.files}
    changed = (each.size for each in body.files if each.path not in known or known[each.path].size_bytes != each.size)
    require_room(hub, artifact.name, {}, unknown_bytes=sum(changed))
    files = [_plan(hub, each, known.get(each.path)) for each in body.files]
    return JSONResponse({"files": files, "commitOid": commit_id(head.id)})


def _plan(hub: LocalHub, candidate: Candidate, file: File | None) -> dict[str, Any]:
    check_path(candidate.path)
    mode = "regular" if _is_short_text(candidate) else "lfs"
    oid = _oid(hub, file, mode) if file is not None and file.size_bytes == candidate.size else None
    return {"path": candidate.path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}


def _oid(hub: LocalHub, file: File, mode: str) -> str:
    """Id of a file as the client computes it: of git for a regular one, SHA-256 for a large one."""
    if mode == "lfs":
        return file.digest.hex
    with hub.store.open(file.digest) as opened:
        return blob_id(opened.read())


def _is_short_text(candidate: Candidate) -> bool:
    if candidate.size == 0:
        return True
    if candidate.size > LARGEST_INLINE or candidate.path.lower().endswith(_BINARY):
        return False
    try:
        sample = base64.b64decode(candidate.sample)
    except (binascii.Error, ValueError):
        return False
    if b"\0" in sample:
        return False
    for cut in range(4):  # The sample may end within a letter.
        try:
            sample[: len(sample) - cut].decode()
        except UnicodeDecodeError:
            continue
        return True
    return False
