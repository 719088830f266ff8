"""The batch API of Git LFS: return upload and download links for objects.

Source: git-lfs, docs/api/batch.md and its JSON schemas; Hugging Face's transfer `multipart`.
"""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from hub.errors import InvalidName, OverQuota
from hub.local import LocalHub
from hub.names import Digest
from hub.records import Repository
from hub.registry.uploads.uploads import file_sizes, size_of_upload
from hub.registry.uploads.xet_files import MAX_FILE_BYTES
from server.auth.access import Hub, VisibleRepository, require_download
from server.auth.caller import caller_of, require_write
from server.auth.csrf_forms import PageCall
from server.auth.links import LINK_SECONDS, sign_link, upload_seconds
from server.auth.quota import require_room_for_upload
from server.http.urls import absolute

MEDIA_TYPE = "application/vnd.git-lfs+json"
PART_BYTES = 64 << 20
"""Largest object in bytes that is uploaded in one request, and the size of the parts of larger ones."""
MAX_PARTS = 10_000
_MAX_OBJECTS = 1000
_SHA256 = {"sha256", "sha_256"}
"""Hugging Face's JavaScript client writes the latter."""


class LargeObject(BaseModel):
    """An object to upload or download."""

    oid: str = Field(max_length=200)
    size: int = Field(ge=-(2**63), lt=2**63)


class LfsBatch(BaseModel):
    """Body of a batch."""

    operation: Literal["upload", "download"]
    transfers: list[str] = ["basic"]
    objects: list[LargeObject] = Field(max_length=_MAX_OBJECTS)
    hash_algo: str = "sha256"
    ref: dict[str, Any] | None = None


def plan_transfers(
    request: Request, hub: Hub, _page: PageCall, repository: VisibleRepository, body: LfsBatch
) -> Response:
    """Return for each object a link, no link if it is already stored, or an error."""
    caller = caller_of(request, hub)
    if body.hash_algo not in _SHA256:
        error = _error(409, f"objects are identified by sha256, not {body.hash_algo[:40]!r}.")
        return _batch_response("basic", [_with_result(each, error) for each in body.objects])
    if body.operation == "download":
        require_download(request, hub, repository)
        sizes = file_sizes(hub.registry.database, repository.name, [each.oid for each in body.objects])
        return _batch_response(
            "basic", [_with_result(each, _download(request, hub, repository, each, sizes)) for each in body.objects]
        )
    require_write(caller, repository.name)
    seconds = upload_seconds(sum(max(each.size, 0) for each in body.objects))
    multipart = "multipart" in body.transfers and any(each.size > PART_BYTES for each in body.objects)
    objects = []
    for each in body.objects:
        planned = _upload(request, hub, repository, each, seconds, multipart="multipart" in body.transfers)
        objects.append(_with_result(each, planned))
    return _batch_response("multipart" if multipart else "basic", objects)


def _upload(
    request: Request, hub: LocalHub, repository: Repository, each: LargeObject, seconds: int, *, multipart: bool
) -> dict[str, Any]:
    if (digest := _digest(each)) is None or not 0 <= each.size <= MAX_FILE_BYTES:
        return _error(422, f"an object has 64 lowercase hex digits and 0 to {MAX_FILE_BYTES} bytes.")
    known = size_of_upload(hub.registry.database, caller_of(request, hub), digest, repository)
    if known is not None and hub.store.holds(digest, known):
        return {} if known == each.size else _error(422, f"this object has {known} bytes, not {each.size}.")
    try:
        require_room_for_upload(hub, repository.name.owner, {digest: each.size})
    except OverQuota as error:
        return _error(507, str(error))

    def link(purpose: str, **claims: Any) -> str:
        return _link(request, hub, repository, purpose, seconds, **claims)

    claims = {"oid": digest.hex, "size": each.size}
    verify = {"href": link("verify", **claims), "expires_in": seconds}
    if each.size <= PART_BYTES or not multipart:
        upload = {"href": link("objects", upload=True, **claims), "expires_in": seconds}
        return {"actions": {"upload": upload, "verify": verify}}
    parts = range(1, -(-each.size // PART_BYTES) + 1)
    if len(parts) > MAX_PARTS:
        return _error(422, f"an object has at most {MAX_PARTS * PART_BYTES} bytes.")
    header = {"chunk_size": str(PART_BYTES)}
    for number in parts:
        header[str(number)] = link("parts", size=min(PART_BYTES, each.size - PART_BYTES * (number - 1)))
    upload = {"href": link("complete", **claims), "header": header, "expires_in": seconds}
    return {"actions": {"upload": upload, "verify": verify}}


def _download(
    request: Request, hub: LocalHub, repository: Repository, each: LargeObject, sizes: dict[str, int]
) -> dict[str, Any]:
    if _digest(each) is None or each.size < 0:
        return _error(422, "an object has 64 lowercase hex digits and 0 bytes or more.")
    if (size := sizes.get(each.oid)) is None:
        return _error(404, f"`{repository.name}` has no object {each.oid}.")
    link = _link(request, hub, repository, "objects", LINK_SECONDS, oid=each.oid, size=size)
    return {"actions": {"download": {"href": link, "expires_in": LINK_SECONDS}}}


def _link(request: Request, hub: LocalHub, repository: Repository, purpose: str, seconds: int, **claims: Any) -> str:
    signed = sign_link(hub, purpose, caller_of(request, hub), repository, seconds, **claims)
    return absolute(request, f"/lfs/{purpose}/{signed}")


def _digest(each: LargeObject) -> Digest | None:
    try:
        return Digest(each.oid)
    except InvalidName:
        return None


def _with_result(each: LargeObject, planned: dict[str, Any]) -> dict[str, Any]:
    return {"oid": each.oid, "size": each.size, **({} if "error" in planned else {"authenticated": True}), **planned}


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _batch_response(transfer: str, objects: list[dict[str, Any]]) -> Response:
    body = {"transfer": transfer, "objects": objects, "hash_algo": "sha256"}
    return JSONResponse(body, media_type=MEDIA_TYPE)
