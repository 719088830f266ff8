"""The interface of formats: their rows, without images, and the images by their places."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from hub.errors import InvalidRequest

URLS = ("url", "urls", "link", "image_link")
"""Names of columns with the addresses of images, as in LAION and Conceptual Captions; also all that end with `_url`."""


class ImagePlace(NamedTuple):
    """Where an image is."""

    file: int
    """Index of the file in the format's `files`."""
    offset: int
    """Its first byte, or its row in a parquet file."""
    size: int
    """Its bytes; 0 if they are not known before it is read, and negative if there is no image."""


NO_IMAGE = ImagePlace(0, 0, -1)


class Row(NamedTuple):
    """Columns of a row, and where its image is."""

    key: str
    """Stable and unique within its source: a path, or a path and an index."""
    columns: Mapping[str, Any]
    place: ImagePlace


class Format(Protocol):
    """Rows in files of one format."""

    root: Path
    files: Sequence[str]
    """The files that hold rows, relative to `root`."""

    def rows(self) -> Iterator[Row]:
        """Read all rows in a fixed order. Raises `InvalidRequest` for a missing column, `DamagedFile` for a broken file."""
        ...

    def read(self, key: str, place: ImagePlace, count: int | None = None) -> bytes:
        """Return the bytes of an image file, or its first `count`. Raises OSError, KeyError or ValueError if there is none."""
        ...


def list_files(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, relative to it, in order."""
    found = []
    for parent, _, names in os.walk(folder):
        inside = Path(parent).relative_to(folder).as_posix()
        found += names if inside == os.curdir else [f"{inside}/{name}" for name in names]
    return sorted(found)


def url_column(names: Sequence[str]) -> str | None:
    """Return the column that holds addresses of images, if there is one."""
    return next((name for name in names if name.lower() in URLS or name.lower().endswith("_url")), None)


def refuse_urls(column: str, where: str) -> InvalidRequest:
    """Return the error for a list of addresses, with the command that downloads them."""
    kind = Path(where).suffix.removeprefix(".")
    source = "LIST" if kind == "tar" else f"{where} --input_format {kind}"
    return InvalidRequest(
        f"{where} has addresses of images (column `{column}`) and no images: download them into WebDataset shards with `img2dataset "
        f"--url_list {source} --url_col {column} --output_format webdataset --output_folder shards` and its options for the captions, "
        "then use `--corpus shards`; to train on the texts only, remove the column."
    )


def no_column(wanted: str, found: Sequence[str] | Mapping[str, Any], where: str) -> InvalidRequest:
    """Return the error for a missing image column."""
    return InvalidRequest(
        f"there is no column `{wanted}` in {where}: choose one of {', '.join(found)} with `--image-column`."
    )
