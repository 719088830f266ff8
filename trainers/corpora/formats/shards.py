"""Read WebDataset shards: neighbouring members with the same name up to its first dot are one row (`.json`, `.txt`, an image)."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

from hub.errors import DamagedFile
from trainers.corpora.formats.row import NO_IMAGE, ImagePlace, Row, refuse_urls, url_column

IMAGES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
TEXTS = (".json", ".txt")


class ShardFormat:
    """Rows of tar files. The headers are read first; images are then read at the positions given in the headers."""

    def __init__(self, root: Path, files: Sequence[str], image_column: str) -> None:
        self.root = root
        self.files = files
        self._endings = (f".{image_column.lstrip('.')}",) if image_column else IMAGES

    def rows(self) -> Iterator[Row]:
        """Read all rows; see `Format`."""
        has_images, urls = False, None
        for file, name in enumerate(self.files):
            try:
                with tarfile.open(self.root / name, "r:") as archive:
                    for row in self._rows_of(archive, file, name):
                        has_images = has_images or row.place.size >= 0
                        urls = urls or url_column([*row.columns])
                        yield row
                    _check_end(archive)
            except (tarfile.TarError, ValueError, OSError) as error:
                raise DamagedFile(f"{name} cannot be read ({error}): download it again.") from error
        if urls and not has_images:
            raise refuse_urls(urls, self.files[0])

    def read(self, key: str, place: ImagePlace, count: int | None = None) -> bytes:  # noqa: ARG002 - all share one signature
        """Return the bytes of an image file; see `Format`."""
        with (self.root / self.files[place.file]).open("rb") as file:
            file.seek(place.offset)
            return file.read(place.size if count is None else min(count, place.size))

    def _rows_of(self, archive: tarfile.TarFile, file: int, name: str) -> Iterator[Row]:
        for key, members in groupby(_members(archive), _key):
            columns: dict[str, Any] = {}
            place = NO_IMAGE
            for member in members:
                ending = "." + PurePosixPath(member.name).name.partition(".")[2].lower()
                if ending in self._endings:
                    place = ImagePlace(file, member.offset_data, member.size)
                elif ending.endswith(TEXTS):
                    columns |= _read_text(archive, member)
            yield Row(f"{name}/{key}", columns, place)


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Return all files of an archive, which would keep a kilobyte for each of them."""
    for member in archive:
        archive.members = []  # type: ignore[attr-defined]
        if member.isfile():
            yield member


def _check_end(archive: tarfile.TarFile) -> None:
    """Raise `ReadError` if the archive continues after the point where reading ended: `tarfile` takes a broken header for the end."""
    assert archive.fileobj is not None, "it is open"
    archive.fileobj.seek(archive.offset)
    if any(archive.fileobj.read(tarfile.BLOCKSIZE)):
        raise tarfile.ReadError(f"the header at byte {archive.offset} is broken")


def _key(member: tarfile.TarInfo) -> str:
    path = PurePosixPath(member.name)
    return (path.parent / path.name.partition(".")[0]).as_posix()


def _read_text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> dict[str, Any]:
    file = archive.extractfile(member)
    assert file is not None, "a regular file has content"
    content = file.read().decode()
    if not member.name.lower().endswith(".json"):
        return {"txt": content.strip()}
    columns = json.loads(content)
    if not isinstance(columns, dict):
        raise ValueError(f"{member.name} is not a JSON object")  # noqa: TRY004 - a fault of the file
    return columns
