"""A store in a folder.

    blobs/ab/abcdef…       content; its name is its SHA-256
    composed/ab/abcdef…    the ranges of blobs that make up a blob which is not in blobs/
    quarantine/abcdef…     damaged content; its name was its SHA-256
    refs/<owner>/<name>.json   references, those of data sets below refs/datasets/
    incoming/              unfinished writes, on the same file system, so that a rename finishes them

A file is written to `incoming/` while its digest is computed, synced and renamed; then its folder is synced. A crash leaves a
file in `incoming/`, never an incomplete blob.
"""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from hub.errors import DamagedFile, DiskFull, UnknownFile, Unreachable
from hub.names import DATASETS, ArtifactName, Digest
from hub.store.checked import CHECKED_BYTES, CheckedStore, Stored, hash_file
from hub.store.composed import MAX_RANGES, JoinedPieces, Part, Piece, Recipes, cut, merge, write_recipe
from hub.store.joined import JoinedChunks
from hub.store.writing import CHUNK_BYTES, Unfinished, copy, stamp_of, write

ABANDONED_S = 3600.0
"""Age in seconds at which an untouched unfinished write is considered abandoned."""


class FolderStore(CheckedStore):
    """A BlobStore on a file system. Any number of processes may use a folder at once."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = Path(root)
        self._recipes = Recipes(self.root / "composed")

    def put(self, source: BinaryIO | bytes, expected: Digest | None = None) -> tuple[Digest, int]:
        """See `BlobStore.put`."""
        if isinstance(source, bytes):
            digest, size = Digest(hashlib.sha256(source).hexdigest()), len(source)
            _check_arrived(digest, size, expected)
            if self._keeps(digest, size):
                return digest, size
        with self._unfinished() as unfinished:
            if isinstance(source, bytes):
                write(unfinished.file, source)
            else:
                digest, size = copy(source, unfinished)
                _check_arrived(digest, size, expected)
                if self._keeps(digest, size):
                    return digest, size
            self._remember(digest, unfinished.finish(self._file(digest)))
        self._recipes.file(digest).unlink(missing_ok=True)
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

    def compose(self, parts: Sequence[Part], expected: Digest) -> int:
        """See `BlobStore.compose`. Small blobs, and those of very many ranges, are stored whole."""
        size_bytes = sum(part.size for part in parts)
        is_stored = any(part.digest == expected for part in parts)
        if size_bytes <= CHECKED_BYTES or len(parts) > MAX_RANGES or is_stored:
            return super().compose(parts, expected)
        parts = merge(self._put_unpacked(parts))
        pieces = self._pieces_of(parts)
        if any(piece.path.name == expected.hex for piece in pieces):  # It is in blobs/: confirmed, or written again.
            return super().compose(parts, expected)
        with _open_pieces(pieces) as opened:
            _check_arrived(Digest(hash_file(opened)), size_bytes, expected)
        if not self._confirms(expected, size_bytes):
            with self._unfinished() as unfinished:
                write(unfinished.file, write_recipe(pieces))
                unfinished.finish(self._recipes.file(expected))
            self._remember(expected, self._get(expected).stamp)
        return size_bytes

    def parts_of(self, digest: Digest) -> list[Part]:
        """See `BlobStore.parts_of`."""
        if self._file(digest).is_file():
            return []
        return [Part(Digest(each.path.name), each.start, each.size, each.size) for each in self._locate(digest)]

    def needed_blobs(self) -> set[Digest]:
        """See `BlobStore.needed_blobs`."""
        return {part.digest for digest in self._recipes.digests() for part in self._recipes.read(digest)}

    def pieces(self, digest: Digest, size_bytes: int | None = None) -> list[Piece]:
        """See `BlobStore.pieces`."""
        self.open(digest, size_bytes).close()
        return self._locate(digest)

    def digests(self) -> Iterator[Digest]:
        """See `BlobStore.digests`; sorted."""
        for file in sorted((self.root / "blobs").glob("??/*")):
            yield Digest(file.name)
        yield from (digest for digest in self._recipes.digests() if not self._file(digest).is_file())

    def delete(self, digest: Digest) -> None:
        """See `BlobStore.delete`."""
        self._file(digest).unlink(missing_ok=True)
        self._recipes.file(digest).unlink(missing_ok=True)
        self._delete_aside(digest)

    def delete_unused(self, digest: Digest, seconds: float) -> bool:
        """See `BlobStore.delete_unused`.

        The blob is moved aside before its age is checked: a later put writes it again, and a blob that was put at the last moment is
        moved back.
        """
        aside = self.root / "incoming" / f"unused-{digest.hex}"
        file = self._own_file(digest)
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

    def adopt(self, path: Path, digest: Digest) -> bool:
        """Add the file at `path` as a hard link, without reading it. Return False if it is on another file system."""
        target = self._file(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(path)
        except OSError:
            return False
        self._recipes.file(digest).unlink(missing_ok=True)
        return True

    def write_reference(self, name: ArtifactName, content: bytes) -> None:
        """See `BlobStore.write_reference`."""
        with self._unfinished() as unfinished:
            write(unfinished.file, content)
            (self.root / "refs").mkdir(mode=0o700, exist_ok=True)  # Its files name private artifacts.
            unfinished.finish(self._reference(name))

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

    def _find(self, digest: Digest) -> Stored | None:
        try:
            found = self._file(digest).stat()
        except (FileNotFoundError, NotADirectoryError):
            return self._find_composed(digest)
        except OSError as error:
            raise Unreachable(f"cannot read {self._file(digest)}: {error.strerror}.") from error
        return Stored(found.st_size, time.time() - found.st_mtime, stamp_of(found))

    def _find_composed(self, digest: Digest) -> Stored | None:
        """Return the facts about a composed blob; None if it does not exist, or bytes of it are missing."""
        recipe = self._recipes.file(digest)
        try:
            found = recipe.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        parts = self._recipes.read(digest)
        stored = {each: self._find(each) for each in {part.digest for part in parts}}
        stamps = [stamp_of(found), *sorted(each.stamp for each in stored.values() if each is not None)]
        size_bytes = sum(piece.size for piece in self._locate(digest)) if None not in stored.values() else 0
        if not parts or size_bytes != sum(part.size for part in parts):
            return None
        stamp = hashlib.sha256(" ".join(stamps).encode()).hexdigest()
        return Stored(size_bytes, time.time() - found.st_mtime, stamp)

    def _locate(self, digest: Digest) -> list[Piece]:
        """Return where the bytes of a blob are; an empty list, or fewer, if some are missing."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return [Piece(self._file(digest), 0, self._file(digest).stat().st_size)]
        parts = self._recipes.read(digest)
        places = {each: self._locate(each) for each in {part.digest for part in parts}}
        return [piece for part in parts for piece in cut(places[part.digest], part.start, part.size)]

    def _pieces_of(self, parts: Sequence[Part]) -> list[Piece]:
        """Return where the bytes of parts are, after resetting the age of their blobs. Raises UnknownFile, DamagedBlob."""
        places = {}
        for digest in {part.digest for part in parts}:
            if not self.refresh(digest):
                self.open(digest).close()  # Says what is wrong with it.
            places[digest] = self._locate(digest)
        return [piece for part in parts for piece in cut(places[part.digest], part.start, part.size)]

    def _put_unpacked(self, parts: Sequence[Part]) -> list[Part]:
        """Return parts whose bytes are ranges: those of parts that must be unpacked are put as one blob."""
        unpacked = [part for part in parts if part.unpack is not None]
        if not unpacked:
            return list(parts)
        digest, _ = self.put(cast("BinaryIO", JoinedChunks(self._read_parts(unpacked))))
        starts = itertools.accumulate((part.size for part in unpacked), initial=0)
        return [part if part.unpack is None else Part(digest, next(starts), part.size, part.size) for part in parts]

    def _open(self, digest: Digest) -> BinaryIO:
        try:
            return self._file(digest).open("rb")
        except FileNotFoundError:
            if pieces := self._locate(digest):
                return _open_pieces(pieces)
            raise UnknownFile(digest.hex, listing="hub verify") from None
        except OSError as error:
            raise Unreachable(f"cannot read {self._file(digest)}: {error.strerror}.") from error

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
        file = self._own_file(digest)
        return file if file == self._file(digest) else None

    def _touch(self, digest: Digest, found: Stored) -> str | None:  # noqa: ARG002 - the interface of all stores
        try:
            os.utime(self._own_file(digest))
        except FileNotFoundError:
            return None
        touched = self._find(digest)
        return touched.stamp if touched is not None else None

    def _move_aside(self, digest: Digest, stamp: str) -> None:
        aside = self._aside(digest)
        file = self._own_file(digest)
        if file != self._file(digest):
            self._move_composed_aside(digest, file)
            return
        try:
            aside.parent.mkdir(mode=0o700, exist_ok=True)
            file.rename(aside)
            if (
                stamp_of(aside.stat()) != stamp
            ):  # Put again since it was read: move it back, unless that happened once more.
                with suppress(FileExistsError):
                    self._file(digest).hardlink_to(aside)
                aside.unlink()
        except FileNotFoundError:
            return  # Another process was first.
        except OSError as error:
            raise Unreachable(f"cannot move damaged bytes to {aside}: {error.strerror}.") from error

    def _move_composed_aside(self, digest: Digest, recipe: Path) -> None:
        """Move the damaged parts of a composed blob aside; its recipe if all parts are right."""
        is_damaged = False
        for part in {part.digest for part in self._recipes.read(digest)}:
            try:
                self.verify(part)
            except (UnknownFile, DamagedFile):
                is_damaged = True
        if not is_damaged:
            with suppress(FileNotFoundError):
                self._aside(digest).parent.mkdir(mode=0o700, exist_ok=True)
                recipe.rename(self._aside(digest))

    def _is_aside(self, digest: Digest) -> bool:
        """Return whether bytes of the blob were moved aside; those of a composed one are missing if it was not found."""
        return self._aside(digest).is_file() or self._recipes.file(digest).is_file()

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

    def _file(self, digest: Digest) -> Path:
        return self.root / "blobs" / digest.hex[:2] / digest.hex

    def _own_file(self, digest: Digest) -> Path:
        """Return the file of a blob, or the recipe of a composed one."""
        file, recipe = self._file(digest), self._recipes.file(digest)
        return recipe if recipe.is_file() and not file.is_file() else file

    def _reference(self, name: ArtifactName) -> Path:
        return self.root / "refs" / f"{name}.json"

    @contextmanager
    def _unfinished(self) -> Iterator[Unfinished]:
        """Open a temporary file, deleted at the end unless it was finished. Raises Unreachable, DiskFull."""
        incoming = self.root / "incoming"
        try:
            try:
                number, path = tempfile.mkstemp(dir=incoming)
            except FileNotFoundError:
                incoming.mkdir(parents=True, exist_ok=True)
                number, path = tempfile.mkstemp(dir=incoming)
            with os.fdopen(number, "wb", buffering=0) as file:
                unfinished = Unfinished(file, Path(path))
                try:
                    yield unfinished
                finally:
                    if not unfinished.is_finished:
                        unfinished.path.unlink(missing_ok=True)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise DiskFull(f"cannot write into {self.root}: the disk is full. Nothing was stored.") from error
            raise Unreachable(f"cannot write into {self.root}: {error.strerror}. Nothing was stored.") from error


def _open_pieces(pieces: Sequence[Piece]) -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(JoinedPieces(pieces), CHUNK_BYTES))


def _check_arrived(digest: Digest, size: int, expected: Digest | None) -> None:
    if expected is not None and digest != expected:
        raise DamagedFile(f"the bytes of `{expected}` arrived as `{digest}` ({size} bytes): send them again.")
