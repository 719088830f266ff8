"""Git's smart HTTP protocol with dulwich: `info/refs` and `git-upload-pack`. A push is refused with a message that git shows."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from typing import IO, cast

from dulwich.errors import GitProtocolError
from dulwich.protocol import ReceivableProtocol
from dulwich.server import Backend, BackendRepo, UploadPackHandler
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from hub.errors import Forbidden, InvalidRequest, NotServed
from hub.registry.artifacts.scans import require_no_blocked_file
from server.auth.access import Hub, ReadableRepository, VisibleRepository
from server.http.request_bodies import MAX_BODY, read_body
from server.http.routing import RouteSpec, below
from server.parts.git.history import History, history_of

UPLOAD_PACK = "git-upload-pack"
_IN_MEMORY = 4 << 20
"""Bytes of a pack before it is written to a temporary file."""
_CHUNK_BYTES = 1 << 16
_NO_CACHE = {"Cache-Control": "no-cache, max-age=0, must-revalidate"}


class SingleRepository(Backend):
    """A backend with one repository at every path, because the route has already resolved it."""

    def __init__(self, history: History) -> None:
        self._history = history

    def open_repository(self, path: str) -> BackendRepo:  # noqa: ARG002 - dulwich's signature
        """Return the repository."""
        return cast(BackendRepo, self._history)  # dulwich declares more methods than it uses.


class UploadPack(UploadPackHandler):
    """dulwich's handler, which also serves any revision by its commit id and does not offer partial clones.

    A partial clone would later request single objects, which dulwich refuses, so git must fetch all objects at once.
    """

    def capabilities(self) -> list[bytes]:
        """Return the capabilities offered to clients."""
        offered = [each for each in super().capabilities() if each != b"filter"]
        return [*offered, b"allow-reachable-sha1-in-want", b"allow-tip-sha1-in-want"]

    @classmethod
    def innocuous_capabilities(cls) -> list[bytes]:
        """Return capabilities that are accepted but not offered: git 2.39 requests `filter` anyway, but sends no filter."""
        return [*super().innocuous_capabilities(), b"filter"]


def list_refs(request: Request, hub: Hub, repository: ReadableRepository) -> Response:
    """List branches and tags: the first request of every git client. Raises InvalidRequest, Forbidden."""
    service = request.query_params.get("service", "")
    if service == "git-receive-pack":
        refuse_push(repository)
    if service != UPLOAD_PACK:
        raise InvalidRequest(f"this URL is for git: run `git clone {request.url.path.removesuffix('/info/refs')}`.")
    require_no_blocked_file(hub.registry.database, repository.name)
    history = history_of(hub, repository.name)
    written = BytesIO()
    protocol = ReceivableProtocol(BytesIO().read, written.write)
    protocol.write_pkt_line(f"# service={service}\n".encode())
    protocol.write_pkt_line(None)
    UploadPack(SingleRepository(history), ["/"], protocol, stateless_rpc=True, advertise_refs=True).handle()
    return Response(written.getvalue(), media_type=f"application/x-{service}-advertisement", headers=_NO_CACHE)


async def send_pack(request: Request, hub: Hub, repository: ReadableRepository) -> Response:
    """Send the objects that the client is missing. Raises InvalidRequest, BlockedFile."""
    await run_in_threadpool(require_no_blocked_file, hub.registry.database, repository.name)
    body = await read_body(request, MAX_BODY)
    if request.headers.get("content-encoding", "") in {"gzip", "x-gzip"}:
        body = _decompress(body)
    pack = await run_in_threadpool(lambda: _pack(history_of(hub, repository.name), body))
    media_type = f"application/x-{UPLOAD_PACK}-result"
    return StreamingResponse(_chunks(pack), media_type=media_type, headers=_NO_CACHE)


def refuse_push(repository: VisibleRepository) -> Response:
    """Refuse a push. Raises Forbidden, whose message git shows after `remote:`."""
    raise Forbidden(
        f"`{repository.name}` cannot be pushed to by git: use `hf upload {repository.name} FOLDER` or `hub push`, "
        "which validate what is published."
    )


def refuse_locks() -> Response:
    """Refuse locks, without which git-lfs continues. Raises NotServed."""
    raise NotServed(
        "Git LFS locks are not supported here: instead, a commit is refused if its parent is no longer the head."
    )


def _pack(history: History, body: bytes) -> IO[bytes]:
    """Return the response of git-upload-pack to `body`."""
    written = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed after the answer
    protocol = ReceivableProtocol(BytesIO(body).read, written.write)
    try:
        UploadPack(SingleRepository(history.with_revisions()), ["/"], protocol, stateless_rpc=True).handle()
    except (GitProtocolError, AssertionError, ValueError, KeyError) as error:
        written.close()
        raise InvalidRequest(f"not a valid git-upload-pack request: {error or type(error).__name__}.") from error
    written.seek(0)
    return written


def _chunks(pack: IO[bytes]) -> Iterator[bytes]:
    with pack:
        yield from iter(partial(pack.read, _CHUNK_BYTES), b"")


def _decompress(body: bytes) -> bytes:
    """Decompress a gzipped body. Raises InvalidRequest for invalid gzip and for more than MAX_BODY bytes."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacking.decompress(body, MAX_BODY)
    except zlib.error as error:
        raise InvalidRequest("the request body is not valid gzip.") from error
    if unpacking.unconsumed_tail:
        raise InvalidRequest(f"the request body decompresses to more than {MAX_BODY} bytes.")
    return unpacked


_SERVICE = (
    RouteSpec("GET", "/info/refs", list_refs),
    RouteSpec("POST", f"/{UPLOAD_PACK}", send_pack),
    RouteSpec("POST", "/git-receive-pack", refuse_push),
)
_LOCKS = (
    RouteSpec("GET POST", "/info/lfs/locks", refuse_locks),
    RouteSpec("GET POST", "/info/lfs/locks/verify", refuse_locks),
    RouteSpec("GET POST", "/info/lfs/locks/{id}/unlock", refuse_locks),
)
ROUTES = (
    *below("/{collection:prefix}{owner}/{name}.git", *_SERVICE, *_LOCKS),
    *below("/{collection:prefix}{owner}/{name}", *_SERVICE),  # `.git` is optional.
)
