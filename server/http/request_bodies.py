"""Read request bodies: limit their size while they arrive, and stream long ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from hub.errors import ClientTimeout, InvalidRequest, TooLarge
from hub.store.joined import ChunkedFile
from server.connections.direct_body import EXTENSION, DirectBody
from server.http.middleware import RECEIVED_DIRECTLY, HttpLayer

T = TypeVar("T")
MAX_SENDERS = 64
"""Long bodies that are received at the same time; others wait."""
IDLE_TIMEOUT_S = 60.0
"""Seconds without data after which a body is aborted."""
MAX_BODY = 8 << 20
"""Default limit of a body in bytes."""
_STEP = 1 << 20
"""Bytes that are collected before they are passed to a thread."""
_MANY = 64
"""Pieces in a step above which they are joined, because small ones take more memory than their bytes."""
MAX_COMMIT_BODY = 256 << 20
"""Limit of a commit in bytes: clients send up to 100 MiB of small files in it, in base64, which is a third longer."""


class BodyLimit(HttpLayer):
    """Refuses bodies that are too large or stop arriving. Endpoints that stream check this themselves."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes that arrive."""
        path = scope["path"]
        if path.startswith(("/lfs/", "/cas/")):
            await self.app(scope, receive, send)
            return
        limit = MAX_COMMIT_BODY if "/commit/" in path else MAX_BODY
        received, is_complete = 0, False

        async def receive_and_count() -> Message:
            nonlocal received, is_complete
            try:
                async with asyncio.timeout(None if is_complete else IDLE_TIMEOUT_S):
                    message = await receive()
            except TimeoutError:
                raise _timed_out() from None
            is_complete = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, f"the request body is larger than the limit of {limit} bytes.")
            return message

        await self.app(scope, receive_and_count, send)


class BodyReader(ChunkedFile):
    """A request body as a file for a worker thread, which receives it itself if the connection allows it.

    Otherwise, while the thread processes about 1 MiB, the next is received; it uses about 2 MiB. Create it on the event loop, and `close`
    it there. Reading raises TooLarge for more bytes than expected, InvalidRequest for fewer, ClientTimeout if no data arrives.
    """

    def __init__(self, request: Request, size_bytes: int, *, at_most: bool = False) -> None:
        super().__init__()
        take = request.scope.get("extensions", {}).get(EXTENSION)
        self._direct: DirectBody | None = take() if take is not None else None
        self._state = request.scope.setdefault("state", {})
        self._stream: AsyncIterator[bytes] = request.stream().__aiter__()
        self._loop = asyncio.get_running_loop()
        self._next: Future[list[bytes]] | None = None
        self._arrived: list[bytes] = []
        """Pieces that were received and not read, the first one last."""
        self._expected = size_bytes
        self._at_most = at_most
        self._received = 0

    def close(self) -> None:
        """Stop receiving."""
        if self._next is not None:
            self._next.cancel()
        if self._direct is not None:
            self._direct.close()
            self._direct = None
            self._state[RECEIVED_DIRECTLY] = self._received
        super().close()

    def next_chunk(self) -> bytes | None:
        """Return the next piece as it has arrived. The last one of about 1 MiB starts to receive those after it."""
        if self._direct is not None:
            return self._receive(self._direct)
        if not self._arrived:
            coming = self._next or self._schedule()
            self._arrived = coming.result()[::-1]
            self._next = self._schedule() if self._arrived else coming
        return self._arrived.pop() if self._arrived else None

    def _receive(self, direct: DirectBody) -> bytes | None:
        try:
            piece = direct.receive(IDLE_TIMEOUT_S)
        except TimeoutError:
            raise _timed_out() from None
        except ConnectionError:
            raise ClientDisconnect from None
        self._count(len(piece))
        return piece or None

    def _schedule(self) -> Future[list[bytes]]:
        return asyncio.run_coroutine_threadsafe(self._gather(), self._loop)

    async def _gather(self) -> list[bytes]:
        pieces, gathered = list[bytes](), 0
        while gathered < _STEP:
            try:
                async with asyncio.timeout(IDLE_TIMEOUT_S):
                    piece = await anext(self._stream)
            except StopAsyncIteration:
                break
            except TimeoutError:
                raise _timed_out() from None
            if piece:
                pieces.append(piece)
                gathered += len(piece)
        self._count(gathered)
        return pieces if len(pieces) <= _MANY else [b"".join(pieces)]

    def _count(self, size: int) -> None:
        """Count bytes that arrived; none at the end. Raises TooLarge, InvalidRequest."""
        self._received += size
        if self._received > self._expected:
            allowed = "allowed" if self._at_most else "announced"
            raise TooLarge(f"the request body is larger than the {self._expected} bytes {allowed}.")
        if not size and self._received < self._expected and not self._at_most:
            raise InvalidRequest(
                f"{self._expected} bytes were announced, but {self._received} arrived: send them again."
            )


def _timed_out() -> ClientTimeout:
    return ClientTimeout(f"no data arrived for {IDLE_TIMEOUT_S:.0f} s: send the request again.")


async def read_in_thread(request: Request, call: Callable[[], T]) -> T:
    """Run `call`, which reads a long body, in one of MAX_SENDERS threads, so that slow clients do not block other requests."""
    limiter = getattr(request.app.state, "senders", None)
    if limiter is None:
        limiter = request.app.state.senders = CapacityLimiter(MAX_SENDERS)
    return await to_thread.run_sync(call, limiter=limiter)


def require_size(request: Request, limit: int) -> None:
    """Raise TooLarge if `Content-Length` exceeds `limit`, in bytes."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLarge(f"the request body has {announced} bytes, but the limit is {limit}.")


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body. Raises TooLarge for more than `limit` bytes."""
    require_size(request, limit)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise TooLarge(f"the request body is larger than the limit of {limit} bytes.")
    return bytes(body)
