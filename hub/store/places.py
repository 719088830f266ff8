"""Where the bytes of a blob are in a folder store: in its own file, or in ranges of others."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.errors import InvalidName, UnknownFile, Unreachable
from hub.names import Digest
from hub.store.checked import Stored
from hub.store.composed import Piece
from hub.store.writing import stamp_of

BLOBS, XORBS, COMPOSED = "blobs", "xorbs", "composed"


@dataclass(frozen=True, slots=True)
class ListedPart:
    """A line of a list: a range of a blob that has its own file."""

    digest: Digest
    start: int
    size: int
    whole: int
    """Size in bytes of the file, compared whenever the composed blob is read."""


@dataclass(frozen=True, slots=True)
class Places:
    """The files of a folder store."""

    root: Path

    def file(self, digest: Digest, kind: str = BLOBS) -> Path:
        """Return the path of a blob, a xorb or a list of parts."""
        return Path(f"{self.root}/{kind}/{digest.hex[:2]}/{digest.hex}")  # In half the time of three joins.

    def digests(self, kind: str) -> Iterator[Digest]:
        """Yield the digests of all files of a kind, sorted."""
        for file in sorted((self.root / kind).glob("??/*")):
            yield Digest(file.name)

    def find(self, digest: Digest) -> Stored | None:
        """Return the facts about a blob; None if it does not exist, or bytes of it are missing."""
        if (found := self.find_file(digest)) is None:
            return self._find_composed(digest)
        return Stored(found[1].st_size, time.time() - found[1].st_mtime, stamp_of(found[1]))

    def find_file(self, digest: Digest) -> tuple[Path, os.stat_result] | None:
        """Return the file with the bytes of a blob and its status; None for any other blob, also for a composed one."""
        for kind in (BLOBS, XORBS):
            file = self.file(digest, kind)
            if (status := _status(file)) is not None:
                return file, status
        return None

    def read(self, digest: Digest, at_most: int) -> bytes | None:
        """Return the first bytes of the file of a blob; None if there is none, or it cannot be read."""
        try:
            number = os.open(self.file(digest), os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.read(number, at_most)
            finally:
                os.close(number)
        except OSError:
            return None

    def own_file(self, digest: Digest) -> Path:
        """Return the file of a blob, or the list of a composed one; that which a missing blob would have."""
        if (found := self.find_file(digest)) is not None:
            return found[0]
        listed = self.file(digest, COMPOSED)
        return listed if listed.is_file() else self.file(digest)

    def pieces(self, digest: Digest) -> list[Piece]:
        """Return where the bytes of a blob are. Raises UnknownFile."""
        if (found := self.find_file(digest)) is not None:
            return [Piece(found[0], 0, found[1].st_size)]
        if pieces := self.composed_pieces(digest):
            return pieces
        raise UnknownFile(digest.hex, listing="hub verify")

    def parts(self, digest: Digest) -> list[ListedPart]:
        """Return the parts of a composed blob; an empty list for any other, and if the list is damaged."""
        try:
            lines = [line.split() for line in self.file(digest, COMPOSED).read_text("ascii").splitlines()]
            return [ListedPart(Digest(name), int(start), int(size), int(whole)) for name, start, size, whole in lines]
        except (FileNotFoundError, NotADirectoryError, ValueError, InvalidName):
            return []

    def composed_pieces(self, digest: Digest) -> list[Piece]:
        """Return where the bytes of a composed blob are; an empty list for any other, or if some are missing."""
        parts = self.parts(digest)
        files = {each: self.find_file(each) for each in {part.digest for part in parts}}
        found = list[Piece]()
        for part in parts:
            file = files[part.digest]
            if file is None or file[1].st_size != part.whole:
                return []
            found.append(Piece(file[0], part.start, part.size))
        return found

    def resized(self, digest: Digest) -> set[Digest]:
        """Return the parts of a composed blob whose files have another size than when it was composed, so that they are damaged."""
        parts = {part.digest: part.whole for part in self.parts(digest)}
        files = {each: self.find_file(each) for each in parts}
        return {each for each, file in files.items() if file is not None and file[1].st_size != parts[each]}

    def _find_composed(self, digest: Digest) -> Stored | None:
        listed = _status(self.file(digest, COMPOSED))
        if listed is None or not (pieces := self.composed_pieces(digest)):
            return None
        statuses = [listed, *(_status(path) for path in sorted({piece.path for piece in pieces}))]
        stamps = " ".join(stamp_of(each) for each in statuses if each is not None)
        stamp = hashlib.sha256(stamps.encode()).hexdigest()
        return Stored(sum(piece.size for piece in pieces), time.time() - listed.st_mtime, stamp)


def part_list(pieces: list[Piece]) -> bytes:
    """Return the text of a list of parts, from pieces of blobs that have their own files. Raises UnknownFile."""
    sizes = dict[Path, int]()
    for path in {piece.path for piece in pieces}:
        if (status := _status(path)) is None:
            raise UnknownFile(path.name, listing="hub verify")
        sizes[path] = status.st_size
    return "".join(f"{each.path.name} {each.start} {each.size} {sizes[each.path]}\n" for each in pieces).encode()


def _status(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unreachable(f"cannot read {file}: {error.strerror}.") from error
