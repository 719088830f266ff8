"""Request bodies: their size is limited while they arrive, and long ones are read without being held in memory."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import anyio.from_thread
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from hub.errors import TooLarge, WrongRequest
from server.middleware import HttpLayer

if TYPE_CHECKING:
    from typing_extensions import Buffer

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


class BodyReader(io.RawIOBase):
    """A request's body as a file, for a worker thread: it waits for the client, and holds 1 MiB or so."""

    def __init__(self, request: Request, size_bytes: int) -> None:
        self._stream: AsyncIterator[bytes] = request.stream().__aiter__()
        self._left = memoryview(b"")
        self._expected = size_bytes
        self._received = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` as far as what has arrived goes; 0 at the end.

        Raises TooLarge for more bytes than expected, WrongRequest for fewer.
        """
        target = memoryview(buffer)
        if not self._left:
            self._left = memoryview(anyio.from_thread.run(self._gather))
        count = min(len(target), len(self._left))
        target[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """What has arrived, at most `size` bytes, without copying it once more; empty at the end."""
        if size is None or size < 0:
            return self.readall()
        if not self._left:
            self._left = memoryview(anyio.from_thread.run(self._gather))
        given, self._left = self._left[:size], self._left[size:]
        return bytes(given)

    async def _gather(self) -> bytes:
        gathered = bytearray()
        while len(gathered) < _STEP:
            try:
                gathered += await anext(self._stream)
            except StopAsyncIteration:
                break
        self._received += len(gathered)
        if self._received > self._expected:
            raise TooLarge(f"{self._expected} bytes were announced, and more came.")
        if not gathered and self._received < self._expected:
            raise WrongRequest(f"{self._expected} bytes were announced, and {self._received} came: send them again.")
        return bytes(gathered)


async def read_body(request: Request, most: int) -> bytes:
    """The whole body. Raises TooLarge."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most:
        raise TooLarge(f"a body has at most {most} bytes here, not {announced}.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise TooLarge(f"a body has at most {most} bytes here.")
    return bytes(body)
