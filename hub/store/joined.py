"""Pieces of bytes, one after the other, as one file to read from: nothing is held but the piece that is being read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Joined(io.RawIOBase):
    """A file over pieces. `read` gives what is left of a piece without copying it once more."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` as far as the present piece goes; 0 at the end."""
        target = memoryview(buffer)
        self._fill()
        count = min(len(target), len(self._left))
        target[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes of the present piece, or everything; empty at the end."""
        if size is None or size < 0:
            return self.readall()
        self._fill()
        given, self._left = self._left[:size], self._left[size:]
        whole = given.obj
        return whole if isinstance(whole, bytes) and len(whole) == len(given) else bytes(given)

    def _fill(self) -> None:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return
            self._left = memoryview(piece)
