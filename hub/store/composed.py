"""Blobs that are composed of ranges of other blobs, as a file is of the xorbs of its upload.

A folder store keeps a recipe of such a blob instead of its bytes: a text file with a line for each range, `digest start size`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from hub.errors import DamagedFile, InvalidName
from hub.names import Digest

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_RANGES = 1 << 14
"""Ranges of a composed blob; one that needs more is stored whole. 500 GB in xorbs of 64 MiB have 8,000."""
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A range of a stored blob that becomes a part of another one."""

    digest: Digest
    start: int
    stored: int
    """Size in bytes of the range."""
    size: int
    """Size in bytes of the part."""
    unpack: Callable[[BinaryIO], Iterator[bytes]] | None = None
    """Reads the bytes of the part from the blob, positioned at `start`; None if they are those of the range."""

    def read(self, opened: BinaryIO) -> Iterator[bytes]:
        """Yield the bytes of the part from its blob. Raises DamagedFile if the blob ends before."""
        opened.seek(self.start)
        if self.unpack is not None:
            yield from self.unpack(opened)
            return
        left = self.stored
        while left:
            content = opened.read(min(left, _READ_BYTES))
            if not content:
                raise DamagedFile("a xorb in the store is truncated: check the store with `hub verify`.")
            left -= len(content)
            yield content


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive bytes of a blob, and where they are on this machine."""

    path: Path
    start: int
    size: int


class Recipes:
    """The recipes below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, digest: Digest) -> Path:
        """Return the path of a recipe."""
        return self.folder / digest.hex[:2] / digest.hex

    def read(self, digest: Digest) -> list[Part]:
        """Return the parts of a blob; an empty list if it has no recipe, or a damaged one."""
        try:
            lines = [line.split() for line in self.file(digest).read_text("ascii").splitlines()]
            return [Part(Digest(name), int(start), int(size), int(size)) for name, start, size in lines]
        except (FileNotFoundError, NotADirectoryError, ValueError, InvalidName):
            return []

    def digests(self) -> Iterator[Digest]:
        """Yield the digests of all composed blobs, sorted."""
        for file in sorted(self.folder.glob("??/*")):
            yield Digest(file.name)


def merge(parts: Sequence[Part]) -> list[Part]:
    """Join ranges that follow each other in the same blob."""
    found = list[Part]()
    for part in parts:
        last = found[-1] if found else None
        if last and last.digest == part.digest and last.start + last.size == part.start and not part.unpack:
            found[-1] = Part(last.digest, last.start, last.size + part.size, last.size + part.size)
        else:
            found.append(part)
    return found


def write_recipe(pieces: Sequence[Piece]) -> bytes:
    """Return the text of a recipe, from ranges of blobs that are files of their own."""
    return "".join(f"{piece.path.name} {piece.start} {piece.size}\n" for piece in pieces).encode()


def cut(pieces: Sequence[Piece], start: int, size: int) -> list[Piece]:
    """Return `size` bytes from `start` on; fewer if the pieces end before."""
    found, end, position = list[Piece](), start + size, 0
    for piece in pieces:
        first, last = max(start, position), min(end, position + piece.size)
        if first < last:
            found.append(Piece(piece.path, piece.start + first - position, last - first))
        position += piece.size
    return found


class JoinedPieces(io.RawIOBase):
    """A readable and seekable file over pieces. One of their files is open at a time."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self.pieces = tuple(pieces)
        self._size = sum(piece.size for piece in pieces)
        self._position = 0
        self._index, self._begins = 0, 0
        """The current piece, and the position of its first byte."""
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Continue at another position."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        if self._position < self._begins:
            self._index, self._begins = 0, 0
            self._close()
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        """Fill `buffer` from the current piece and return the number of bytes; 0 at the end. Raises DamagedFile."""
        while self._index < len(self.pieces) and self._position >= self._begins + self.pieces[self._index].size:
            self._begins += self.pieces[self._index].size
            self._index += 1
            self._close()
        if self._index == len(self.pieces):
            return 0
        piece, offset = self.pieces[self._index], self._position - self._begins
        if self._file is None:
            self._file = piece.path.open("rb", buffering=0)
        self._file.seek(piece.start + offset)
        count = self._file.readinto(memoryview(buffer)[: piece.size - offset])  # type: ignore[attr-defined]  # a raw file
        if count == 0 and memoryview(buffer):
            raise DamagedFile(f"{piece.path.name[:12]} in the store is truncated: check the store with `hub verify`.")
        self._position += count
        return int(count)

    def close(self) -> None:
        """Close the open file."""
        self._close()
        super().close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
