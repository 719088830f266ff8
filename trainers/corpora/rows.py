"""Read images and captions from a folder, parquet files or WebDataset shards.

Only JSON, CSV, parquet and images are read; nothing is unpickled.
"""

from __future__ import annotations

import csv
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet as pq

from hub.errors import DamagedFile, InvalidRequest

IMAGES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
METADATA = ("metadata.jsonl", "metadata.csv")
"""Names of the file with captions beside images, as in Hugging Face's ImageFolder."""


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """An image and its columns."""

    key: str
    """Stable and unique within its source: a path, or a path and an index."""
    columns: Mapping[str, Any]
    read: Callable[[], bytes]
    """Returns the image file's bytes; raises OSError or KeyError if there is none."""


def read_rows(place: Path, image_column: str) -> Iterator[MetadataRow]:
    """Read the rows of a file or folder in a fixed order; an empty `image_column` means the format's usual one.

    Raises `InvalidRequest` for an unknown format or a missing column, `DamagedFile` for a broken file.
    """
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    if metadata := [path for path in files if path.name in METADATA]:
        return _read_folder(metadata, image_column or "file_name")
    root = place.parent if place.is_file() else place
    if parquet := [path for path in files if path.suffix == ".parquet"]:
        return _read_parquet(parquet, root, image_column or "image")
    if shards := [path for path in files if path.suffix == ".tar"]:
        return _read_shards(shards, root, image_column)
    raise InvalidRequest(
        f"there are no captions in {place}: a corpus is a folder with {' or '.join(METADATA)} beside its images, "
        "parquet files, or WebDataset shards (.tar)."
    )


def _read_folder(metadata: Sequence[Path], image_column: str) -> Iterator[MetadataRow]:
    for path in metadata:
        for number, columns in enumerate(_read_table(path), 1):
            if image_column not in columns:
                raise InvalidRequest(_no_column(image_column, columns, f"line {number} of {path.name}"))
            name = str(columns[image_column])
            # The name decides, not what it links to: in Hugging Face's cache every file is a link to a blob outside its folder.
            inside = os.path.normpath(name)
            if Path(inside).is_absolute() or inside.partition(os.sep)[0] == os.pardir:
                raise InvalidRequest(f"line {number} of {path.name} names an image outside its folder: `{name}`.")
            yield MetadataRow(f"{path.parent.name}/{name}", columns, (path.parent / inside).read_bytes)


def _read_table(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if path.suffix == ".csv":
                yield from csv.DictReader(file)
            else:
                yield from (json.loads(line) for line in file if line.strip())
    except ValueError as error:
        raise DamagedFile(f"{path.name} cannot be read ({error}): fix that line.") from error


def _read_parquet(files: Sequence[Path], root: Path, image_column: str) -> Iterator[MetadataRow]:
    @lru_cache(maxsize=2)  # Rows are read in order, so each group is read once.
    def group_of(path: Path, group: int) -> list[Any]:
        column: list[Any] = pq.ParquetFile(path).read_row_group(group, [image_column])[image_column].to_pylist()
        return column

    def reader(path: Path, group: int, place: int) -> Callable[[], bytes]:
        def read() -> bytes:
            found = group_of(path, group)[place]
            content = found.get("bytes") if isinstance(found, dict) else found  # Hugging Face's Image, or plain bytes.
            if not isinstance(content, bytes):
                raise KeyError(image_column)
            return content

        return read

    for path in files:
        try:
            file = pq.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise DamagedFile(
                f"{path.name} cannot be read ({' '.join(str(error).split())}): download it again."
            ) from error
        names = file.schema_arrow.names
        if image_column not in names:
            raise InvalidRequest(_no_column(image_column, names, path.name))
        others = [name for name in names if name != image_column]
        for group in range(file.num_row_groups):
            for place, columns in enumerate(file.read_row_group(group, others).to_pylist()):
                key = f"{path.relative_to(root).as_posix()}/{group}/{place}"
                yield MetadataRow(key, columns, reader(path, group, place))


def _read_shards(shards: Sequence[Path], root: Path, image_column: str) -> Iterator[MetadataRow]:
    """Read WebDataset shards: members with the same name up to its first dot are one row (`.json`, `.txt`, an image)."""
    endings = (f".{image_column.lstrip('.')}",) if image_column else IMAGES
    for shard in shards:
        try:
            with tarfile.open(shard) as archive:
                members = [member for member in archive if member.isfile()]
                texts = {
                    member.name: _read_text(archive, member)
                    for member in members
                    if member.name.endswith((".json", ".txt"))
                }
        except (tarfile.TarError, ValueError, OSError) as error:
            raise DamagedFile(f"{shard.name} cannot be read ({error}): download it again.") from error
        grouped: dict[str, dict[str, Any]] = {}
        images: dict[str, tarfile.TarInfo] = {}
        for member in members:
            folder, name = PurePosixPath(member.name).parent, PurePosixPath(member.name).name
            stem, _, ending = name.partition(".")
            key = (folder / stem).as_posix()
            columns = grouped.setdefault(key, {})
            if f".{ending.lower()}" in endings:
                images[key] = member
            elif member.name in texts:
                columns |= texts[member.name]
        for key, columns in grouped.items():
            yield MetadataRow(
                f"{shard.relative_to(root).as_posix()}/{key}", columns, _member_reader(shard, images.get(key))
            )


def _read_text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> dict[str, Any]:
    file = archive.extractfile(member)
    assert file is not None, "a regular file has content"
    content = file.read().decode()
    return json.loads(content) if member.name.endswith(".json") else {"txt": content.strip()}


def _member_reader(shard: Path, member: tarfile.TarInfo | None) -> Callable[[], bytes]:
    def read() -> bytes:
        if member is None:
            raise KeyError("image")
        with shard.open("rb") as file:
            file.seek(member.offset_data)
            return file.read(member.size)

    return read


def _no_column(wanted: str, found: Sequence[str] | Mapping[str, Any], where: str) -> str:
    return f"there is no column `{wanted}` in {where}: choose one of {', '.join(found)} with `--image-column`."
