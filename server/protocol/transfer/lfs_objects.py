"""Upload and download Git LFS objects through signed links, whole or in parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import BinaryIO, cast

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from hub.errors import DamagedFile, InvalidRequest, InvalidSource, Unauthenticated
from hub.local import LocalHub
from hub.names import Digest
from hub.records import File
from hub.registry.accounts.permissions import Caller
from hub.registry.artifacts.scans import require_harmless
from hub.registry.uploads.uploads import file_sizes, record_upload, uploaded_size
from hub.store import BlobStore
from hub.store.joined import JoinedChunks
from server.auth.access import Hub
from server.auth.links import Link, reading_link, writing_link
from server.auth.quota import require_room_for_upload
from server.http.accel_redirect import offload_path
from server.http.request_bodies import BodyReader, read_in_thread
from server.http.signed_links import INVALID_LINK
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
    link = await run_in_threadpool(writing_link, hub, "objects", token)
    if not link.claims.get("upload"):
        raise Unauthenticated("this link is for downloads only.")
    digest = await _store_object(request, hub, link, Digest(link.claims["oid"]))
    return Response(headers={"ETag": f'"{digest}"'})


async def receive_part(request: Request, hub: Hub, token: str) -> Response:
    """Store a part as a separate blob; its ETag is its digest."""
    link = await run_in_threadpool(writing_link, hub, "parts", token)
    digest = await _store_object(request, hub, link, None)
    return Response(headers={"ETag": f'"{digest}"'})


async def complete_object(request: Request, hub: Hub, token: str, body: Completion) -> Response:
    """Join the parts of an object, which the same account must have uploaded."""
    await read_in_thread(request, lambda: _complete(hub, token, body))
    return JSONResponse({"success": True})


def _complete(hub: LocalHub, token: str, body: Completion) -> None:
    link = writing_link(hub, "complete", token)
    oid = Digest(link.claims["oid"])
    if body.oid != oid.hex:
        raise InvalidRequest("this link is for another object.")
    numbers = [part.partNumber for part in body.parts]
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        raise InvalidRequest("the parts are not numbered 1, 2, 3 …: send them all.")
    digests = [Digest(part.etag.strip('"')) for part in sorted(body.parts, key=lambda part: part.partNumber)]
    sizes = [_uploaded_size(hub, link.caller, digest) for digest in digests]
    if sum(sizes) != link.claims["size"]:
        raise InvalidSource(f"the parts have {sum(sizes)} bytes in total, and {link.claims['size']} were announced.")
    source = cast(BinaryIO, JoinedChunks(_read_chunks(hub.store, zip(digests, sizes, strict=True))))
    _put(hub, link, source, oid)


def verify_object(hub: Hub, token: str, body: LargeObject) -> Response:
    """Check that an object was uploaded. Raises InvalidRequest, InvalidSource.

    The link is signed because git-lfs sends credentials to the repository's URL only.
    """
    link = writing_link(hub, "verify", token)
    if link.claims["oid"] != body.oid:
        raise InvalidRequest("this link is for another object.")
    if _uploaded_size(hub, link.caller, Digest(body.oid)) != body.size:
        raise InvalidSource(f"object {body.oid[:12]} of {body.size} bytes was not uploaded: upload it again.")
    return JSONResponse({"oid": body.oid, "size": body.size})


def send_object(request: Request, hub: Hub, token: str) -> Response:
    """Return the bytes of an object that is still in the repository, for git-lfs. Raises Unauthenticated, BlockedFile."""
    link = reading_link(hub, "objects", token)
    oid = link.claims["oid"]
    if link.claims.get("upload"):
        raise Unauthenticated("this link is for uploads only.")
    if not file_sizes(hub.registry.database, link.artifact.name, [oid]):
        raise Unauthenticated(INVALID_LINK)
    file = File(oid, Digest(oid), link.claims["size"])
    require_harmless(hub.registry.database, file)
    headers = {"ETag": f'"{file.digest}"'}
    return blob_response(hub.store, file, headers, None, offload_path(request, file.digest))


async def _store_object(request: Request, hub: LocalHub, link: Link, expected: Digest | None) -> Digest:
    size_bytes = link.claims["size"]
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) != size_bytes:
        raise InvalidRequest(f"this link is for {size_bytes} bytes, and the request body has {announced}.")
    with closing(BodyReader(request, size_bytes)) as body:
        source = cast(BinaryIO, body)
        return await read_in_thread(request, lambda: _receive(hub, link, source, expected))


def _receive(hub: LocalHub, link: Link, source: BinaryIO, expected: Digest | None) -> Digest:
    """Store an object, or a part without an expected digest. Raises OverQuota before anything is read."""
    owner, size = link.artifact.name.owner, link.claims["size"]
    if expected is None:
        require_room_for_upload(hub, owner, {}, raw_bytes=size)
    else:
        require_room_for_upload(hub, owner, {expected: size})
    return _put(hub, link, source, expected)


def _put(hub: LocalHub, link: Link, source: BinaryIO, expected: Digest | None) -> Digest:
    try:
        digest, size = hub.store.put(source, expected)
    except DamagedFile as error:
        raise InvalidSource(str(error)) from error
    owner = link.artifact.name.owner
    record_upload(hub.registry.database, link.caller, digest, size, owner=owner, is_part=expected is None)
    return digest


def _uploaded_size(hub: LocalHub, caller: Caller, digest: Digest) -> int:
    size = uploaded_size(hub.registry.database, caller, digest)
    if size is None or not hub.store.holds(digest, size):
        raise InvalidSource(f"{digest} was not uploaded: upload it again.")
    return size


def _read_chunks(store: BlobStore, parts: Iterable[tuple[Digest, int]]) -> Iterator[bytes]:
    for digest, size_bytes in parts:
        with store.open(digest, size_bytes) as opened:
            yield from iter(partial(opened.read, _STEP), b"")
