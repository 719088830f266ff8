"""Request bodies: their size is limited while they arrive, and long ones are read without being held in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from hub.errors import Stalled, TooLarge, WrongRequest
from hub.store.joined import Pieces
from server.http.middleware import HttpLayer

if TYPE_CHECKING:
    pass

T = TypeVar("T")
MOST_SENDERS = 64
"""Long bodies that arrive at once; others wait for their turn."""
LONGEST_SILENCE_S = 60.0
"""A long body of which nothing more arrives for so long gives its place to another."""
SMALL = 8 << 20
"""Bytes of a body that is read whole, by default."""
_STEP = 1 << 20
"""Bytes that are gathered before a thread is given them."""
_STREAMED = ("/lfs/", "/cas/")
_COMMIT = "/commit/"
LARGEST_COMMIT = 256 << 20
"""Bytes of a commit: clients send small files within it, 100 MiB at a time, a third longer in base64."""


class BodyLimit(HttpLayer):
    """Refuses bodies that are longer than their endpoint can want; those that stream count for themselves."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what arrives."""
        path = scope["path"]
        if path.startswith(_STREAMED):
            await self.app(scope, receive, send)
            return
        limit = LARGEST_COMMIT if _COMMIT in path else SMALL
        received = 0

        async def receive_and_count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413, f"a body has at most {limit} bytes here.")
            return message

        await self.app(scope, receive_and_count, send)


class BodyReader(Pieces):
    """A request's body as a file, for a worker thread. While the thread works on one piece, the next one arrives.

    It holds 2 MiB or so. Made on the event loop; `close` it where reading may have ended early. Reading raises TooLarge for more bytes
    than expected, WrongRequest for fewer, Stalled when none come.
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

    def next_piece(self) -> bytes | None:
        """What has arrived, 1 MiB or so; from then on the one behind it is received."""
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
                async with asyncio.timeout(LONGEST_SILENCE_S):
                    piece = await anext(self._stream)
            except StopAsyncIteration:
                break
            except TimeoutError:
                raise Stalled(f"nothing has come for {LONGEST_SILENCE_S:.0f} s: send it again.") from None
            pieces.append(piece)
            gathered += len(piece)
        self._received += gathered
        if self._received > self._expected:
            allowed = "are allowed" if self._at_most else "were announced"
            raise TooLarge(f"{self._expected} bytes {allowed}, and more came.")
        if not gathered and self._received < self._expected and not self._at_most:
            raise WrongRequest(f"{self._expected} bytes were announced, and {self._received} came: send them again.")
        return b"".join(pieces)


async def read_in_thread(request: Request, call: Callable[[], T]) -> T:
    """Run `call`, which reads a long body, in a thread; there are MOST_SENDERS, so that slow senders keep nobody else waiting."""
    limiter = getattr(request.app.state, "senders", None)
    if limiter is None:
        limiter = request.app.state.senders = CapacityLimiter(MOST_SENDERS)
    return await to_thread.run_sync(call, limiter=limiter)


def require_size(request: Request, most: int) -> None:
    """Raises TooLarge for a body that is announced to be longer."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most:
        raise TooLarge(f"a body has at most {most} bytes here, not {announced}.")


async def read_body(request: Request, most: int) -> bytes:
    """The whole body. Raises TooLarge."""
    require_size(request, most)
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise TooLarge(f"a body has at most {most} bytes here.")
    return bytes(body)
