"""Upload files with Xet: a token for the content-addressed store, xorbs and shards.

Source: the Xet protocol specification 1.1 and huggingface/xet-core, `cas.openapi.yaml`. huggingface_hub uploads
large files with Xet since 1.20. Downloads use plain HTTP.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import BinaryIO, cast

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from hub.errors import (
    DamagedFile,
    Forbidden,
    InvalidRequest,
    InvalidSource,
    OverQuota,
    TooLarge,
    Unauthenticated,
    UnknownFile,
)
from hub.local import LocalHub
from hub.names import Digest
from hub.registry.accounts.server_settings import epoch
from hub.registry.uploads.uploads import forget_xorbs
from hub.registry.uploads.xet_files import store_file, store_xorb
from hub.xet import shard, xorb
from hub.xet.hashes import hex_to_hash
from server.auth.access import Hub, WritableRepository
from server.auth.caller import account_of, caller_of
from server.auth.links import LINK_SECONDS, Link, sign_link, writing_link
from server.auth.quota import require_room, require_room_for_upload
from server.http.request_bodies import BodyReader, read_body, read_in_thread, require_size
from server.http.urls import absolute
from server.protocol.write.unsupported import refuse_pull_requests

_PURPOSE = "cas"


def grant_writing(request: Request, hub: Hub, repository: WritableRepository) -> Response:
    """Return the URL of the store and a token, in headers for Python clients and in the body for Rust clients."""
    refuse_pull_requests(request)
    caller = caller_of(request, hub)
    account = account_of(caller)
    if caller.in_browser:  # A cookie only authorizes reading.
        raise Forbidden("uploads need a token: create one on the page Settings.")
    for damaged in hub.store.quarantined():
        forget_xorbs(hub.registry.database, damaged)
    address = absolute(request, f"/cas/{epoch(hub.registry.database)}/{account.id}")
    token = sign_link(hub, _PURPOSE, caller, repository, LINK_SECONDS)
    until = int(time.time()) + LINK_SECONDS
    headers = {
        "X-Xet-Cas-Url": address,
        "X-Xet-Access-Token": token,
        "X-Xet-Token-Expiration": str(until),
        "Cache-Control": "no-store",
    }
    return JSONResponse({"casUrl": address, "accessToken": token, "exp": until}, headers=headers)


async def receive_xorb(request: Request, hub: Hub, epoch: str, tenant: str, hash: str) -> Response:
    """Store a xorb if its chunks match the hash. Raises InvalidRequest, TooLarge, InvalidSource."""
    link = await run_in_threadpool(_link, request, hub, epoch, tenant)
    require_size(request, xorb.MAX_SENT)
    try:
        hex_to_hash(hash)
    except ValueError as error:
        raise InvalidRequest(f"{error}.") from error
    account, owner = account_of(link.caller), link.artifact.name.owner
    announced = request.headers.get("content-length", "")
    size = int(announced) if announced.isdecimal() else xorb.MAX_SENT
    await run_in_threadpool(_require_room, hub, owner, size)
    with closing(BodyReader(request, xorb.MAX_SENT, at_most=True)) as body:
        sent = cast(BinaryIO, body)
        is_new = await read_in_thread(
            request, lambda: store_xorb(hub.registry.database, hub.store, account, hash, sent, owner=owner)
        )
    return JSONResponse({"was_inserted": is_new})


async def receive_shard(request: Request, hub: Hub, epoch: str, tenant: str) -> Response:
    """Assemble and store all files of a shard, or none if one does not match its digest."""
    link = await run_in_threadpool(_link, request, hub, epoch, tenant)
    sent = await read_body(request, shard.MAX_BYTES)
    await read_in_thread(request, lambda: _store_files(hub, link, sent))
    return JSONResponse({"result": 1})


def chunk_not_found(request: Request, hub: Hub, epoch: str, tenant: str) -> Response:
    """Raise UnknownFile: chunks are not shared between accounts, so that no account learns what others have stored."""
    _link(request, hub, epoch, tenant)
    raise UnknownFile(request.url.path.rpartition("/")[2], listing="hub verify")


def drop_telemetry() -> Response:
    """Ignore telemetry of clients."""
    return Response(status_code=204)


def _store_files(hub: LocalHub, link: Link, sent: bytes) -> None:
    files = shard.read_files(sent)
    try:
        require_room(hub, link.artifact.name, {file.sha256 or Digest(file.hash.hex()): file.size for file in files})
        for file in files:
            store_file(hub.registry.database, hub.store, link.caller, file, owner=link.artifact.name.owner)
    except DamagedFile as error:
        raise InvalidSource(str(error)) from error
    except OverQuota as error:
        raise TooLarge(str(error)) from error  # Clients retry any 5xx for minutes.


def _require_room(hub: LocalHub, owner: str, size: int) -> None:
    try:
        require_room_for_upload(hub, owner, {}, raw_bytes=size)
    except OverQuota as error:
        raise TooLarge(str(error)) from error  # As in `_store_files`.


def _link(request: Request, hub: LocalHub, requested_epoch: str, tenant: str) -> Link:
    """Return the link of the token. Raises Unauthenticated, or Forbidden for the address of another account."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("this address needs a token of `xet-write-token`.")
    link = writing_link(hub, _PURPOSE, token)
    if str(account_of(link.caller).id) != tenant or requested_epoch != epoch(hub.registry.database):
        raise Forbidden("this token is for another address: request a new one from `xet-write-token`.")
    return link
