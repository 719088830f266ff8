"""Upload and download Git LFS objects through signed links, whole or in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, BinaryIO, cast

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from hub.errors import DamagedFile, InvalidRequest, InvalidSource, Unauthenticated
from hub.local import LocalHub
from hub.names import Digest
from hub.records import File
from hub.registry.accounts.permissions import Account
from hub.registry.uploads.uploads import record_upload, uploaded_size
from hub.store import BlobStore
from hub.store.joined import JoinedChunks
from server.auth.access import Hub
from server.auth.quota import require_room_for_upload
from server.http.accel_redirect import offload_path
from server.http.request_bodies import BodyReader, read_in_thread
from server.http.signed_links import claims_of, sender_of
from server.protocol.read.resolve import blob_response
from server.protocol.transfer.lfs import MAX_PARTS, LargeObject

_STEP = 1 << 20


class UploadPart(BaseModel):
    """An uploaded part."""

    partNumber: int
    etag: str


class Completion(BaseModel):
    """Body of a completed multipart upload."""

    oid: str
    parts: list[UploadPart] = Field(max_length=MAX_PARTS)


async def receive_object(request: Request, hub: Hub, token: str) -> Response:
    """Store an object if it has the announced digest."""
    claims = claims_of(hub, "objects", token)
    digest = await _store_object(request, hub, claims, Digest(claims["oid"]))
    return Response(headers={"ETag": f'"{digest}"'})


async def receive_part(request: Request, hub: Hub, token: str) -> Response:
    """Store a part as a separate blob; its ETag is its digest."""
    claims = claims_of(hub, "parts", token)
    digest = await _store_object(request, hub, claims, None)
    return Response(headers={"ETag": f'"{digest}"'})


async def complete_object(request: Request, hub: Hub, token: str, body: Completion) -> Response:
    """Join the parts of an object, which the same account must have uploaded."""
    await read_in_thread(request, lambda: _complete(hub, token, body))
    return JSONResponse({"success": True})


def _complete(hub: LocalHub, token: str, body: Completion) -> None:
    claims = claims_of(hub, "complete", token)
    account, oid = sender_of(hub, claims), Digest(claims["oid"])
    if body.oid != oid.hex:
        raise InvalidRequest("this link is for another object.")
    numbers = [part.partNumber for part in body.parts]
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        raise InvalidRequest("the parts are not numbered 1, 2, 3 …: send them all.")
    digests = [Digest(part.etag.strip('"')) for part in sorted(body.parts, key=lambda part: part.partNumber)]
    sizes = [_uploaded_size(hub, account, digest) for digest in digests]
    if sum(sizes) != claims["size"]:
        raise InvalidSource(f"the parts have {sum(sizes)} bytes in total, and {claims['size']} were announced.")
    source = cast(BinaryIO, JoinedChunks(_read_chunks(hub.store, zip(digests, sizes, strict=True))))
    _put(hub, account, source, oid, owner=claims.get("owner", ""))


def verify_object(hub: Hub, token: str, body: LargeObject) -> Response:
    """Check that an object was uploaded. Raises InvalidRequest, InvalidSource.

    The link is signed because git-lfs sends credentials to the repository's URL only.
    """
    claims = claims_of(hub, "verify", token)
    if claims["oid"] != body.oid:
        raise InvalidRequest("this link is for another object.")
    if _uploaded_size(hub, sender_of(hub, claims), Digest(body.oid)) != body.size:
        raise InvalidSource(f"object {body.oid[:12]} of {body.size} bytes was not uploaded: upload it again.")
    return JSONResponse({"oid": body.oid, "size": body.size})


def send_object(request: Request, hub: Hub, token: str) -> Response:
    """Return the bytes of an object, for git-lfs. Raises Unauthenticated."""
    claims = claims_of(hub, "objects", token)
    if "account" in claims:
        raise Unauthenticated("this link is for uploads only.")
    file = File(claims["oid"], Digest(claims["oid"]), claims["size"])
    headers = {"ETag": f'"{file.digest}"'}
    return blob_response(hub.store, file, headers, None, offload_path(request, file.digest))


async def _store_object(request: Request, hub: LocalHub, claims: dict[str, Any], expected: Digest | None) -> Digest:
    size_bytes = claims["size"]
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) != size_bytes:
        raise InvalidRequest(f"this link is for {size_bytes} bytes, and the request body has {announced}.")
    with closing(BodyReader(request, size_bytes)) as body:
        source = cast(BinaryIO, body)
        return await read_in_thread(request, lambda: _receive(hub, claims, source, expected))


def _receive(hub: LocalHub, claims: dict[str, Any], source: BinaryIO, expected: Digest | None) -> Digest:
    """Store an object, or a part without an expected digest. Raises OverQuota before anything is read."""
    account, owner, size = sender_of(hub, claims), claims.get("owner", ""), claims["size"]
    if expected is None:
        require_room_for_upload(hub, owner, {}, raw_bytes=size)
    else:
        require_room_for_upload(hub, owner, {expected: size})
    return _put(hub, account, source, expected, owner=owner)


def _put(hub: LocalHub, account: Account, source: BinaryIO, expected: Digest | None, *, owner: str) -> Digest:
    try:
        digest, size = hub.store.put(source, expected)
    except DamagedFile as error:
        raise InvalidSource(str(error)) from error
    record_upload(hub.registry.database, account, digest, size, owner=owner, is_part=expected is None)
    return digest


def _uploaded_size(hub: LocalHub, account: Account, digest: Digest) -> int:
    size = uploaded_size(hub.registry.database, account, digest)
    if size is None or not hub.store.holds(digest, size):
        raise InvalidSource(f"{digest} was not uploaded: upload it again.")
    return size


def _read_chunks(store: BlobStore, parts: Iterable[tuple[Digest, int]]) -> Iterator[bytes]:
    for digest, size_bytes in parts:
        with store.open(digest, size_bytes) as opened:
            yield from iter(partial(opened.read, _STEP), b"")
