"""Pieces of bytes, one after the other, as one file to read from: nothing is held but the piece that is being read."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Pieces(io.RawIOBase):
    """A file over pieces that come one by one. `read` gives what is left of a piece without copying it once more."""

    def __init__(self) -> None:
        self._left = memoryview(b"")

    @abstractmethod
    def next_piece(self) -> bytes | None:
        """What comes next; None at the end, however often it is asked."""

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
            piece = self.next_piece()
            if piece is None:
                return
            self._left = memoryview(piece)


class Joined(Pieces):
    """A file over pieces that somebody yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces

    def next_piece(self) -> bytes | None:
        """The next one."""
        return next(self._pieces, None)
