"""Blobs that are composed of ranges of other blobs, as a file is of the xorbs of its upload.

A folder store keeps a list of the parts of such a blob instead of its bytes: a text file with a line for each range, `digest start size
whole`, where the last number is the size of the whole file with this digest.
"""

from __future__ import annotations

import bisect
import errno
import io
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from hub.errors import DamagedFile
from hub.names import Digest

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from hub.xet.xorb import Bytes

MAX_PARTS = 1 << 14
"""Parts of a composed blob; one that needs more is stored whole. 500 GB in xorbs of 64 MiB have 8,000."""
READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A range of a stored blob that becomes a part of another one."""

    digest: Digest
    start: int
    stored: int
    """Size in bytes of the range."""
    size: int
    """Size in bytes of the part."""
    unpack: Callable[[BinaryIO], Iterator[Bytes]] | None = None
    """Reads the bytes of the part from the blob, positioned at `start`; None if they are those of the range."""

    def read(self, opened: BinaryIO) -> Iterator[Bytes]:
        """Yield the bytes of the part from its blob. Raises DamagedFile if the blob ends before."""
        opened.seek(self.start)
        if self.unpack is not None:
            yield from self.unpack(opened)
            return
        left = self.stored
        while left:
            content = opened.read(min(left, READ_BYTES))
            if not content:
                raise DamagedFile("a xorb in the store is truncated: check the store with `hub verify`.")
            left -= len(content)
            yield content


def merge(parts: Sequence[Part]) -> list[Part]:
    """Join ranges that follow each other in the same blob."""
    found = list[Part]()
    for part in parts:
        last = found[-1] if found else None
        if last and last.digest == part.digest and last.start + last.size == part.start:
            found[-1] = Part(last.digest, last.start, last.size + part.size, last.size + part.size)
        else:
            found.append(part)
    return found


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive bytes of a blob, and where they are on this machine."""

    path: Path
    start: int
    size: int


def cut(pieces: Sequence[Piece], start: int, size: int) -> list[Piece]:
    """Return `size` bytes from `start` on; fewer if the pieces end before."""
    found, end, position = list[Piece](), start + size, 0
    for piece in pieces:
        first, last = max(start, position), min(end, position + piece.size)
        if first < last:
            found.append(Piece(piece.path, piece.start + first - position, last - first))
        position += piece.size
    return found


class OpenPieces:
    """Pieces, one of whose files is open at a time."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = tuple(pieces)
        self._ends = list(itertools.accumulate(piece.size for piece in pieces))
        self._path: Path | None = None
        self._number = -1

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return self._ends[-1] if self._ends else 0

    def find(self, position: int) -> tuple[int, int, int]:
        """Return a file descriptor, the place of this byte in it, and how many follow there; zeros after the last byte."""
        index = bisect.bisect_right(self._ends, position)
        if index == len(self.pieces):
            return 0, 0, 0
        piece, left = self.pieces[index], self._ends[index] - position
        if piece.path is not self._path and piece.path != self._path:  # Comparing paths takes as long as all else here.
            self.close()
            self._number = os.open(piece.path, os.O_RDONLY | os.O_CLOEXEC)
            self._path = piece.path
        return self._number, piece.start + piece.size - left, left

    def close(self) -> None:
        """Close the open file."""
        if self._path is not None:
            os.close(self._number)
            self._path = None


class JoinedPieces(io.RawIOBase):
    """A readable and seekable file over pieces."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self._opened = OpenPieces(pieces)
        self._position = 0

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Return the pieces."""
        return self._opened.pieces

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Continue at another position, and return it."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._opened.size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` from the current piece and return the number of bytes; 0 at the end. Raises OSError if a file is truncated."""
        number, place, left = self._opened.find(self._position)
        target = memoryview(buffer)[:left]
        count = os.preadv(number, [target], place) if target else 0
        if target and not count:
            raise OSError(errno.EIO, os.strerror(errno.EIO))  # As for a bad sector.
        self._position += count
        return count

    def close(self) -> None:
        """Close the open file."""
        self._opened.close()
        super().close()


def open_pieces(pieces: Sequence[Piece]) -> BinaryIO:
    """Return a file over pieces."""
    return cast("BinaryIO", io.BufferedReader(JoinedPieces(pieces), READ_BYTES))
