"""A store in a folder.

    blobs/ab/abcdef…       content; its name is its SHA-256
    xorbs/ab/abcdef…       chunks of uploads; the name is the hash of their table
    composed/ab/abcdef…    the ranges of blobs and xorbs that a blob consists of which is not in blobs/
    quarantine/abcdef…     damaged content, under its former name
    refs/<owner>/<name>.json   references, those of data sets below refs/datasets/
    incoming/              unfinished writes, on the same file system, so that a rename finishes them

A file is written to `incoming/` while its digest is computed, synced and renamed; then its folder is synced. A crash leaves a
file in `incoming/`, never an incomplete blob.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from hub.errors import DamagedFile, UnknownFile, Unreachable
from hub.names import DATASETS, ArtifactName, Digest
from hub.store import xorb_files
from hub.store.checked import CHECKED_BYTES, UNREADABLE, CheckedStore, Stored, hash_file
from hub.store.composed import MAX_PARTS, JoinedPieces, Part, Piece, cut, merge, open_pieces
from hub.store.joined import JoinedChunks
from hub.store.places import BLOBS, COMPOSED, XORBS, Places, part_list
from hub.store.writing import copy, stamp_of, unfinished, write, write_all

if TYPE_CHECKING:
    from hub.xet.xorb import Bytes, Chunk

ABANDONED_S = 3600.0
"""Age in seconds at which an untouched unfinished write is considered abandoned."""
FRESH_S = 3600.0
"""Age in seconds up to which the blobs of a composed one need no reset of their age, which would change their stamps."""


class FolderStore(CheckedStore):
    """A BlobStore on a file system. Any number of processes may use a folder at once."""

    is_local = True

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = Path(root)
        self._places = Places(self.root)
        self._composed_of: tuple[frozenset[Digest], tuple[Digest, ...]] = frozenset(), ()
        """Damaged blobs, and the blobs that are composed of some of them, so that all lists are read once only."""

    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put`."""
        if isinstance(source, bytes):
            digest, size = Digest(hashlib.sha256(source).hexdigest()), len(source)
            _check_arrived(digest.hex, size, expected)
            if self._keeps(digest, size):
                return digest, size
        with unfinished(self.root) as file:
            if isinstance(source, bytes):
                write(file.file, source)
            else:
                digest, size = copy(source, file)
                _check_arrived(digest.hex, size, expected)
                if self._keeps(digest, size):
                    return digest, size
            self._remember(digest, file.finish(self._places.file(digest)))
        self._places.file(digest, COMPOSED).unlink(missing_ok=True)
        return digest, size

    def put_file(self, path: Path, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put_file`."""
        try:
            with path.open("rb") as source:
                if os.fstat(source.fileno()).st_size <= CHECKED_BYTES:
                    return self.put(source.read(), expected)
                digest = Digest(hashlib.file_digest(source, "sha256").hexdigest())
                if (expected is None or expected == digest) and self._confirms(digest, source.tell()):
                    return digest, source.tell()
                source.seek(0)
                return self.put(source, expected or digest)
        except OSError as error:
            raise Unreachable(f"cannot read {path}: {error.strerror}.") from error

    def put_xorb(self, chunks: Iterable[tuple[Chunk, Bytes]]) -> tuple[Digest, list[Chunk]]:
        """See `BlobStore.put_xorb`. The digest is the hash of the chunks' table."""
        listed: list[Chunk] = []
        with unfinished(self.root) as file:
            size = write_all(xorb_files.with_table(chunks, listed), file)
            digest = xorb_files.name_of(listed)
            if not self._keeps(digest, size):
                self._remember(digest, file.finish(self._places.file(digest, XORBS)))
        return digest, listed

    def compose(self, parts: Sequence[Part], expected: Digest | None) -> Digest:
        """See `BlobStore.compose`. Small blobs, and those of very many parts, are stored whole."""
        size_bytes = sum(part.size for part in parts)
        is_stored = any(part.digest == expected for part in parts)
        if size_bytes <= CHECKED_BYTES or len(parts) > MAX_PARTS or is_stored:
            return super().compose(parts, expected)
        pieces = self._pieces_of(merge(self._put_unpacked(parts)))
        with open_pieces(pieces) as opened:
            hashed = hash_file(opened)
        _check_arrived(hashed, size_bytes, expected)
        digest = Digest(hashed)
        if not self._confirms(digest, size_bytes):
            with unfinished(self.root) as file:
                write(file.file, part_list(pieces))
                file.finish(self._places.file(digest, COMPOSED))
            if (found := self._find(digest)) is not None:
                self._remember(digest, found.stamp)
        return digest

    def needed_blobs(self) -> set[Digest]:
        """See `BlobStore.needed_blobs`."""
        return set[Digest]().union(*map(self._parts_of, self._places.digests(COMPOSED)))

    def xorbs(self) -> Iterator[Digest]:
        """Yield the digests of all xorbs, sorted."""
        return self._places.digests(XORBS)

    def pieces(self, digest: Digest, size_bytes: int | None = None) -> list[Piece]:
        """See `BlobStore.pieces`."""
        found = self._find_of_size(digest, size_bytes)
        if found.size_bytes <= CHECKED_BYTES:
            self.open(digest, size_bytes).close()
        return self._places.pieces(digest)

    def quarantined(self) -> Iterator[Digest]:
        """See `BlobStore.quarantined`; among them are blobs that are composed of damaged ones."""
        damaged = frozenset(super().quarantined())
        yield from damaged
        if damaged and self._composed_of[0] != damaged:
            found = (each for each in self._places.digests(COMPOSED) if not damaged.isdisjoint(self._parts_of(each)))
            self._composed_of = damaged, tuple(found)
        for digest in self._composed_of[1] if damaged else ():
            if digest not in damaged and self._find(digest) is None and self._parts_of(digest):
                yield digest

    def digests(self) -> Iterator[Digest]:
        """See `BlobStore.digests`."""
        yield from self._places.digests(BLOBS)
        yield from self._places.digests(XORBS)
        yield from (digest for digest in self._places.digests(COMPOSED) if not self._places.file(digest).is_file())

    def age_s(self, digest: Digest) -> float:
        """See `BlobStore.age_s`. A composed blob whose parts are missing has an age, too."""
        return time.time() - self._own_status(digest).st_mtime

    def stored_size(self, digest: Digest) -> int:
        """See `BlobStore.stored_size`: that of the list of a composed blob."""
        return self._own_status(digest).st_size

    def delete(self, digest: Digest) -> None:
        """See `BlobStore.delete`."""
        for file in (self._places.file(digest), self._places.file(digest, XORBS), self._places.file(digest, COMPOSED)):
            file.unlink(missing_ok=True)
        self._delete_aside(digest)

    def delete_unused(self, digest: Digest, seconds: float) -> bool:
        """See `BlobStore.delete_unused`.

        The blob is moved aside before its age is checked: a later put writes it again, and a blob that was put at the last moment is
        moved back.
        """
        aside = self.root / "incoming" / f"unused-{digest.hex}"
        file = self._places.own_file(digest)
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            file.rename(aside)
        except FileNotFoundError:
            return False
        if time.time() - aside.stat().st_mtime < seconds:
            aside.rename(file)
            return False
        aside.unlink()
        return True

    def copy_from(self, source: FolderStore, digest: Digest, *, by_link: bool) -> bool:
        """Copy a blob of another folder, whose bytes the caller has verified if it is a link. Return whether nothing was written.

        The blobs of composed ones must have been copied before. Raises UnknownFile, DamagedFile.
        """
        if pieces := source._places.composed_pieces(digest):
            if all(self._places.find_file(Digest(piece.path.name)) is not None for piece in pieces):
                with unfinished(self.root) as file:
                    write(file.file, part_list(pieces))
                    file.finish(self._places.file(digest, COMPOSED))
                if not by_link:
                    self.verify(digest)
                return by_link
        elif by_link and (found := source._places.find_file(digest)) is not None:
            target = self._places.file(digest, found[0].parent.parent.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):  # Another file system.
                target.hardlink_to(found[0])
                return True
        with source.open(digest) as opened:
            if source._places.file(digest, XORBS).is_file():
                copied, _ = self.put_xorb(xorb_files.read_chunks(opened))
                _check_arrived(copied.hex, source.size(digest), digest)
            else:
                self.put(opened, digest)
        return False

    def write_reference(self, name: ArtifactName, content: bytes) -> None:
        """See `BlobStore.write_reference`."""
        with unfinished(self.root) as file:
            write(file.file, content)
            (self.root / "refs").mkdir(mode=0o700, exist_ok=True)  # Its files name private artifacts.
            file.finish(self._reference(name))

    def references(self) -> Iterator[tuple[str, bytes]]:
        """See `BlobStore.references`."""
        folder = self.root / "refs"
        for file in sorted([*folder.glob("*/*.json"), *folder.glob(f"{DATASETS}*/*.json")]):
            yield file.relative_to(folder).with_suffix("").as_posix(), file.read_bytes()

    def delete_reference(self, name: ArtifactName) -> None:
        """See `BlobStore.delete_reference`."""
        self._reference(name).unlink(missing_ok=True)

    def free_bytes(self) -> int | None:
        """Return the free bytes of the file system."""
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def unfinished(self) -> list[str]:
        """Return the names of files that are being written or were abandoned."""
        return sorted(file.name for file in (self.root / "incoming").glob("*"))

    def sweep(self) -> list[str]:
        """Delete abandoned writes. Return their names."""
        removed = []
        for file in sorted((self.root / "incoming").glob("*")):
            if time.time() - file.stat().st_mtime > ABANDONED_S:
                file.unlink(missing_ok=True)
                removed.append(file.name)
        return removed

    def _read_at_once(self, digest: Digest, size_bytes: int) -> bytes | None:
        return self._places.read(digest, size_bytes + 1)

    def _find(self, digest: Digest) -> Stored | None:
        return self._places.find(digest)

    def _own_status(self, digest: Digest) -> os.stat_result:
        with suppress(FileNotFoundError, NotADirectoryError):
            return self._places.own_file(digest).stat()
        self._get(digest)  # Says whether it is unknown or damaged.
        raise UnknownFile(digest.hex, listing="hub verify")

    def _pieces_of(self, parts: Sequence[Part]) -> list[Piece]:
        """Return where the bytes of parts are, after resetting the age of old blobs. Raises UnknownFile, DamagedBlob."""
        places = dict[Digest, list[Piece]]()
        for digest in {part.digest for part in parts}:
            if self._get(digest).age_s > FRESH_S:
                self.refresh(digest)
            places[digest] = self._places.pieces(digest)
        return [piece for part in parts for piece in cut(places[part.digest], part.start, part.size)]

    def _parts_of(self, digest: Digest) -> set[Digest]:
        return {part.digest for part in self._places.parts(digest)}

    def _put_unpacked(self, parts: Sequence[Part]) -> list[Part]:
        """Return parts whose bytes are ranges: those of parts that must be unpacked are put as one blob."""
        unpacked = [part for part in parts if part.unpack is not None]
        if not unpacked:
            return list(parts)
        digest, _ = self.put(cast("BinaryIO", JoinedChunks(self._read_parts(unpacked))))
        starts = itertools.accumulate((part.size for part in unpacked), initial=0)
        return [part if part.unpack is None else Part(digest, next(starts), part.size, part.size) for part in parts]

    def _open(self, digest: Digest) -> BinaryIO:
        pieces = self._places.pieces(digest)
        try:
            return pieces[0].path.open("rb") if pieces[0].path.name == digest.hex else open_pieces(pieces)
        except FileNotFoundError:
            raise UnknownFile(digest.hex, listing="hub verify") from None
        except OSError as error:
            raise Unreachable(f"cannot read {pieces[0].path}: {error.strerror}.") from error

    def _hash(
        self,
        digest: Digest,
        opened: BinaryIO,
        pace: Callable[[int], None] | None = None,
        copy: BinaryIO | None = None,
    ) -> str:
        """Return what the digest of these bytes is: for a xorb, the hash of its table if that matches its chunks."""
        if self._places.file(digest).is_file() or not self._places.file(digest, XORBS).is_file():
            return super()._hash(digest, opened, pace, copy)
        if copy is not None:
            shutil.copyfileobj(opened, copy)
        return xorb_files.hash_xorb(opened, pace)

    def _restore(self, digest: Digest) -> bool:
        aside = self._aside(digest)
        with aside.open("rb") as opened:
            is_right = xorb_files.is_xorb(opened) and xorb_files.hash_xorb(opened) == digest.hex
        if not is_right:
            return super()._restore(digest)
        self._places.file(digest, XORBS).parent.mkdir(parents=True, exist_ok=True)
        aside.rename(self._places.file(digest, XORBS))
        return True

    def _uncache(self, opened: BinaryIO) -> None:
        raw = getattr(opened, "raw", None)
        if not hasattr(os, "posix_fadvise"):
            return
        if not isinstance(raw, JoinedPieces):
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return
        for piece in raw.pieces:
            with piece.path.open("rb") as file:
                os.posix_fadvise(file.fileno(), piece.start, piece.size, os.POSIX_FADV_DONTNEED)

    def _path(self, digest: Digest) -> Path | None:
        file = self._places.own_file(digest)
        return None if file == self._places.file(digest, COMPOSED) else file

    def _touch(self, digest: Digest, found: Stored) -> str | None:  # noqa: ARG002 - the interface of all stores
        try:
            os.utime(self._places.own_file(digest))
        except FileNotFoundError:
            return None
        return touched.stamp if (touched := self._find(digest)) is not None else None

    def _move_aside(self, digest: Digest, stamp: str) -> None:
        aside = self._aside(digest)
        file = self._places.own_file(digest)
        is_list = file == self._places.file(digest, COMPOSED)
        if is_list and not self._are_right(self._parts_of(digest)):
            return  # The damaged parts were moved aside.
        try:
            aside.parent.mkdir(mode=0o700, exist_ok=True)
            file.rename(aside)
            if not is_list and stamp_of(aside.stat()) != stamp:
                # Put again since it was read: move it back, unless that happened again.
                with suppress(FileExistsError):
                    file.hardlink_to(aside)
                aside.unlink()
        except FileNotFoundError:
            return  # Another process was first.
        except OSError as error:
            raise Unreachable(f"cannot move damaged bytes to {aside}: {error.strerror}.") from error

    def _are_right(self, digests: Iterable[Digest]) -> bool:
        """Return whether all blobs are right, after moving the others aside."""
        is_right = True
        for digest in digests:
            try:
                self.verify(digest)
            except (UnknownFile, DamagedFile):
                is_right = False
        return is_right

    def _is_aside(self, digest: Digest) -> bool:
        """Return whether bytes of the blob, which was not found, are damaged; those of a composed one may be missing."""
        if not self._places.file(digest, COMPOSED).is_file():
            return self._aside(digest).is_file()
        self._are_right(self._places.resized(digest))
        return True

    def _set_aside(self) -> Iterator[Digest]:
        for file in sorted((self.root / "quarantine").glob("*")):
            yield Digest(file.name)

    def _open_aside(self, digest: Digest) -> BinaryIO:
        return self._aside(digest).open("rb")

    def _delete_aside(self, digest: Digest) -> None:
        self._aside(digest).unlink(missing_ok=True)

    def _confirms(self, digest: Digest, size_bytes: int) -> bool:
        """Return whether the store has these bytes, after reading them if needed and resetting their age."""
        try:
            self.confirm(digest, size_bytes)
        except (UnknownFile, DamagedFile):
            return False
        return self.refresh(digest, size_bytes)

    def _aside(self, digest: Digest) -> Path:
        return self.root / "quarantine" / digest.hex

    def _reference(self, name: ArtifactName) -> Path:
        return self.root / "refs" / f"{name}.json"


def _check_arrived(hashed: str, size: int, expected: Digest | None) -> None:
    if hashed == UNREADABLE or (expected is not None and hashed != expected.hex):
        raise DamagedFile(
            f"the bytes of `{expected or 'this file'}` arrived as `{hashed}` ({size} bytes): send them again."
        )
