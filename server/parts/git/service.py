"""git's smart protocol over HTTP: `info/refs` and `git-upload-pack`, by dulwich. A push is refused in words that git shows."""

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

from hub.errors import Forbidden, NotServed, WrongRequest
from server.auth.access import Hub, Readable, Wanted
from server.http.bodies import SMALL, read_body
from server.http.routing import Address, below
from server.parts.git.history import History, history_of

UPLOAD_PACK = "git-upload-pack"
_IN_MEMORY = 4 << 20
"""Bytes of a pack that need no temporary file."""
_STEP = 1 << 16
_NEVER_KEPT = {"Cache-Control": "no-cache, max-age=0, must-revalidate"}


class Only(Backend):
    """A place with one repository, whatever it is called: the address has been read before."""

    def __init__(self, history: History) -> None:
        self._history = history

    def open_repository(self, path: str) -> BackendRepo:  # noqa: ARG002 - dulwich's signature
        """That repository."""
        return cast(BackendRepo, self._history)  # dulwich says packs, and asks for objects alone.


class Handler(UploadPackHandler):
    """dulwich's, which also gives any revision by its commit id; partial clones it does not offer.

    Such a clone comes back for single objects, which dulwich refuses: git must hear beforehand that it gets all of them.
    """

    def capabilities(self) -> list[bytes]:
        """What clients may ask for."""
        offered = [each for each in super().capabilities() if each != b"filter"]
        return [*offered, b"allow-reachable-sha1-in-want", b"allow-tip-sha1-in-want"]

    @classmethod
    def innocuous_capabilities(cls) -> list[bytes]:
        """What clients may ask for without having been offered it: git 2.39 asks for a filter all the same, and then sends none."""
        return [*super().innocuous_capabilities(), b"filter"]


def list_refs(request: Request, hub: Hub, artifact: Readable) -> Response:
    """Branches and tags, as git asks for them before anything else."""
    service = request.query_params.get("service", "")
    if service == "git-receive-pack":
        refuse_push(artifact)
    if service != UPLOAD_PACK:
        raise WrongRequest(f"this address is for git: `git clone {request.url.path.removesuffix('/info/refs')}`.")
    history = history_of(hub, artifact.name)
    written = BytesIO()
    protocol = ReceivableProtocol(BytesIO().read, written.write)
    protocol.write_pkt_line(f"# service={service}\n".encode())
    protocol.write_pkt_line(None)
    Handler(Only(history), ["/"], protocol, stateless_rpc=True, advertise_refs=True).handle()
    return Response(written.getvalue(), media_type=f"application/x-{service}-advertisement", headers=_NEVER_KEPT)


async def send_pack(request: Request, hub: Hub, artifact: Readable) -> Response:
    """The objects that the client lacks."""
    body = await read_body(request, SMALL)
    if request.headers.get("content-encoding", "") in {"gzip", "x-gzip"}:
        body = _unpacked(body)
    pack = await run_in_threadpool(lambda: _pack(history_of(hub, artifact.name), body))
    media_type = f"application/x-{UPLOAD_PACK}-result"
    return StreamingResponse(_chunks(pack), media_type=media_type, headers=_NEVER_KEPT)


def refuse_push(artifact: Wanted) -> Response:
    """Git shows the line behind `remote:`."""
    raise Forbidden(
        f"`{artifact.name}` cannot be pushed to by git: use `hf upload {artifact.name} FOLDER` or `hub push`, "
        "which check what is published."
    )


def refuse_locks() -> Response:
    """git-lfs goes on without locks when it hears so."""
    raise NotServed(
        "locks of Git LFS are not kept here: a commit whose parent is no longer the head is refused instead."
    )


def _pack(history: History, body: bytes) -> IO[bytes]:
    """What git-upload-pack answers to `body`."""
    written = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - closed after the answer
    protocol = ReceivableProtocol(BytesIO(body).read, written.write)
    try:
        Handler(Only(history.with_revisions()), ["/"], protocol, stateless_rpc=True).handle()
    except (GitProtocolError, AssertionError, ValueError, KeyError) as error:
        written.close()
        raise WrongRequest(f"this is nothing that git asks for: {error or type(error).__name__}.") from error
    written.seek(0)
    return written


def _chunks(pack: IO[bytes]) -> Iterator[bytes]:
    with pack:
        yield from iter(partial(pack.read, _STEP), b"")


def _unpacked(body: bytes) -> bytes:
    """A gzipped body. Raises WrongRequest for one that is none, or that unfolds to more than SMALL bytes."""
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacking.decompress(body, SMALL)
    except zlib.error as error:
        raise WrongRequest("this body says that it is gzipped, and is not.") from error
    if unpacking.unconsumed_tail:
        raise WrongRequest(f"this body unfolds to more than {SMALL} bytes.")
    return unpacked


_SERVICE = (
    Address("GET", "/info/refs", list_refs),
    Address("POST", f"/{UPLOAD_PACK}", send_pack),
    Address("POST", "/git-receive-pack", refuse_push),
)
_LOCKS = (
    Address("GET POST", "/info/lfs/locks", refuse_locks),
    Address("GET POST", "/info/lfs/locks/verify", refuse_locks),
    Address("GET POST", "/info/lfs/locks/{id}/unlock", refuse_locks),
)
ROUTES = (
    *below("/{collection:prefix}{owner}/{name}.git", *_SERVICE, *_LOCKS),
    *below("/{collection:prefix}{owner}/{name}", *_SERVICE),  # People leave `.git` out.
)
