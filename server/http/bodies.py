"""Request bodies: their size is limited while they arrive, and long ones are streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from hub.errors import ClientTimeout, InvalidRequest, TooLarge
from hub.store.joined import ChunkedFile
from server.http.middleware import HttpLayer

T = TypeVar("T")
MAX_SENDERS = 64
"""Long bodies received at the same time; others wait."""
IDLE_TIMEOUT_S = 60.0
"""Seconds without data after which a long body is given up."""
SMALL = 8 << 20
"""Largest body in bytes, by default."""
_STEP = 1 << 20
"""Bytes that are collected before they are given to a thread."""
MAX_COMMIT = 256 << 20
"""Largest commit in bytes: clients send small files within it, 100 MiB at a time, a third longer in base64."""


class BodyLimit(HttpLayer):
    """Refuses bodies that are too long. Endpoints that stream count for themselves."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes that arrive."""
        path = scope["path"]
        if path.startswith(("/lfs/", "/cas/")):
            await self.app(scope, receive, send)
            return
        limit = MAX_COMMIT if "/commit/" in path else SMALL
        received = 0

        async def receive_and_count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, f"the request body is larger than the limit of {limit} bytes.")
            return message

        await self.app(scope, receive_and_count, send)


class BodyReader(ChunkedFile):
    """A request's body as a file for a worker thread. While the thread works on one piece, the next one arrives.

    It holds about 2 MiB. Create it on the event loop, and `close` it if reading may end early. Reading raises TooLarge for
    more bytes than expected, InvalidRequest for fewer, ClientTimeout when none arrive.
    """

    def __init__(self, request: Request, size_bytes: int, *, at_most: bool = False) -> None:
        super().__init__()
        self._stream: AsyncIterator[bytes] = request.stream().__aiter__()
        self._loop = asyncio.get_running_loop()
        self._next: Future[bytes] | None = None
        self._expected = size_bytes
        self._at_most = at_most
        self._received = 0

    def close(self) -> None:
        """Stop receiving."""
        if self._next is not None:
            self._next.cancel()
        super().close()

    def next_chunk(self) -> bytes | None:
        """Return the next piece of about 1 MiB, and start to receive the one after it."""
        coming = self._next or self._ask()
        piece = coming.result()
        self._next = self._ask() if piece else coming
        return piece or None

    def _ask(self) -> Future[bytes]:
        return asyncio.run_coroutine_threadsafe(self._gather(), self._loop)

    async def _gather(self) -> bytes:
        pieces, gathered = list[bytes](), 0
        while gathered < _STEP:
            try:
                async with asyncio.timeout(IDLE_TIMEOUT_S):
                    piece = await anext(self._stream)
            except StopAsyncIteration:
                break
            except TimeoutError:
                raise ClientTimeout(f"no data arrived for {IDLE_TIMEOUT_S:.0f} s: send it again.") from None
            pieces.append(piece)
            gathered += len(piece)
        self._received += gathered
        if self._received > self._expected:
            allowed = "allowed" if self._at_most else "announced"
            raise TooLarge(f"the request body is larger than the {self._expected} bytes {allowed}.")
        if not gathered and self._received < self._expected and not self._at_most:
            raise InvalidRequest(
                f"{self._expected} bytes were announced, but {self._received} arrived: send them again."
            )
        return b"".join(pieces)


async def read_in_thread(request: Request, call: Callable[[], T]) -> T:
    """Run `call`, which reads a long body, in one of MAX_SENDERS threads, so that slow senders block no other requests."""
    limiter = getattr(request.app.state, "senders", None)
    if limiter is None:
        limiter = request.app.state.senders = CapacityLimiter(MAX_SENDERS)
    return await to_thread.run_sync(call, limiter=limiter)


def require_size(request: Request, most: int) -> None:
    """Raise TooLarge for a body that is announced to be longer than `most` bytes."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most:
        raise TooLarge(f"the request body has {announced} bytes, and the limit is {most}.")


async def read_body(request: Request, most: int) -> bytes:
    """Return the whole body. Raises TooLarge."""
    require_size(request, most)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise TooLarge(f"the request body is larger than the limit of {most} bytes.")
    return bytes(body)
