"""Read a sequence of byte chunks as one file, with only the current chunk in memory."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class ChunkedFile(io.RawIOBase):
    """A readable file over a sequence of chunks. `read` returns the rest of a chunk without another copy."""

    def __init__(self) -> None:
        self._left = memoryview(b"")

    @abstractmethod
    def next_chunk(self) -> bytes | memoryview | None:
        """Return the next chunk; None at the end, also when called again."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` from the current chunk and return the number of bytes; 0 at the end."""
        target = memoryview(buffer)
        self._fill()
        count = min(len(target), len(self._left))
        target[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most `size` bytes of the current chunk, or everything if `size` is negative; empty at the end."""
        if size is None or size < 0:
            return self.readall()
        self._fill()
        view, self._left = self._left[:size], self._left[size:]
        chunk = view.obj
        return chunk if isinstance(chunk, bytes) and len(chunk) == len(view) else bytes(view)

    def _fill(self) -> None:
        while not self._left:
            chunk = self.next_chunk()
            if chunk is None:
                return
            self._left = memoryview(chunk)


class JoinedChunks(ChunkedFile):
    """A readable file over an iterator of chunks."""

    def __init__(self, chunks: Iterator[bytes | memoryview]) -> None:
        super().__init__()
        self._chunks = chunks

    def next_chunk(self) -> bytes | memoryview | None:
        """Return the next chunk; None at the end."""
        return next(self._chunks, None)
