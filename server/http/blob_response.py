"""Send files: data in the page cache is read directly, other data in a thread."""

from __future__ import annotations

import bisect
import itertools
import os
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

from anyio import to_thread
from starlette.responses import FileResponse

from hub.store.composed import Piece

CHUNK_BYTES = 1 << 20
"""Bytes per read. Measured: 2.8 GB/s, against 0.6 GB/s with Starlette's 64 KiB."""
_NOWAIT = getattr(os, "RWF_NOWAIT", None)
"""Flag of Linux to read from the page cache or fail. A round trip to a thread takes at least as long as reading 1 MiB."""


class BlobResponse(FileResponse):
    """A response with a blob or with ranges of it, from the files that contain its bytes."""

    chunk_size = CHUNK_BYTES

    def __init__(self, pieces: Sequence[Piece], **options: Any) -> None:
        """`options`: see `FileResponse`."""
        self._pieces = pieces
        found = pieces[0].path.stat()
        size = sum(piece.size for piece in pieces)
        result = os.stat_result((stat.S_IFREG, 0, 0, 0, 0, 0, size, 0, int(found.st_mtime), 0))
        super().__init__(pieces[0].path, stat_result=result, **options)

    async def _handle_simple(self, send: Any, send_header_only: bool, send_pathsend: bool) -> None:  # noqa: ARG002
        await super()._handle_simple(send, send_header_only, False)  # A path would name the file of the first piece.

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[_Opened]:  # type: ignore[override]  # Starlette only needs `seek` and `read`.
        opened = _Opened(self._pieces)
        await opened.seek(0)
        try:
            yield opened
        finally:
            opened.close()


class _Opened:
    """The pieces of a blob, one of which is open, and a position in them."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._ends = list(itertools.accumulate(piece.size for piece in pieces))
        self._file: BinaryIO | None = None
        self._position = self._index = 0

    async def seek(self, position: int) -> int:
        """Continue at `position`."""
        self._position = position
        await self._open(bisect.bisect_right(self._ends, position))
        return position

    async def read(self, size: int) -> bytes:
        """Return the next `size` bytes; fewer only at the end, as Starlette expects."""
        chunks: list[bytes] = []
        left = size
        while left and self._file is not None:
            piece, to_end = self._pieces[self._index], self._ends[self._index] - self._position
            count, place = min(left, to_end), piece.start + piece.size - to_end
            number = self._file.fileno()
            chunk = _read_cached(number, count, place) or await to_thread.run_sync(os.pread, number, count, place)
            if not chunk:
                break
            self._position += len(chunk)
            left -= len(chunk)
            chunks.append(chunk)
            if len(chunk) == to_end:
                await self._open(self._index + 1)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def close(self) -> None:
        """Close the open file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    async def _open(self, index: int) -> None:
        """Open a piece; nothing after the last one."""
        if (
            self._file is not None
            and index < len(self._pieces)
            and self._pieces[index].path == self._pieces[self._index].path
        ):
            self._index = index
            return
        self.close()
        self._index = index
        if index < len(self._pieces):
            self._file = await to_thread.run_sync(self._pieces[index].path.open, "rb", 0)


def _read_cached(number: int, size: int, position: int) -> bytes:
    if _NOWAIT is None:
        return b""
    buffer = bytearray(size)
    try:
        count = os.preadv(number, [buffer], position, _NOWAIT)
    except OSError:  # Not cached, or the file system does not support the flag.
        return b""
    return bytes(memoryview(buffer)[:count])
