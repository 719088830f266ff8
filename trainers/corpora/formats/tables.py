"""Read captions from JSON lines or CSV: beside images, as in Hugging Face's ImageFolder, or alone."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hub.errors import DamagedFile, InvalidRequest
from trainers.corpora.formats.row import NO_IMAGE, ImagePlace, Row, no_column, refuse_urls, url_column

METADATA = ("metadata.jsonl", "metadata.csv")
"""Names of the file with captions beside images."""
FILE_NAME = "file_name"


class TableFormat:
    """Rows of JSON lines or CSV. Without an image column, they are texts alone."""

    def __init__(self, root: Path, files: Sequence[str], image_column: str) -> None:
        self.root = root
        self.files = files
        self._image_column = image_column

    def rows(self) -> Iterator[Row]:
        """Read all rows; see `Format`."""
        for file, name in enumerate(self.files):
            path = self.root / name
            column = self._image_column or FILE_NAME
            for number, columns in enumerate(_read_table(path), 1):
                where = f"line {number} of {path.name}"
                if number == 1 and column not in columns and not self._image_column and path.name not in METADATA:
                    if (urls := url_column(list(columns))) is not None:
                        raise refuse_urls(urls, path.name)
                    column = ""
                if not column:
                    yield Row(f"{name}/{number}", columns, NO_IMAGE)
                    continue
                if column not in columns:
                    urls = url_column(list(columns))
                    raise refuse_urls(urls, path.name) if urls else no_column(column, columns, where)
                image = str(columns[column])
                if image.startswith(("http://", "https://")):
                    raise refuse_urls(column, path.name)
                yield Row(f"{path.parent.name}/{image}", columns, _place(file, path.parent, image, where))

    def read(self, key: str, place: ImagePlace, count: int | None = None) -> bytes:
        """Return the bytes of an image file; see `Format`."""
        folder = (self.root / self.files[place.file]).parent
        with (folder / os.path.normpath(key.partition("/")[2])).open("rb") as file:
            return file.read(-1 if count is None else count)


def _place(file: int, folder: Path, image: str, where: str) -> ImagePlace:
    """Return the place of an image.

    The name decides, not what it links to: in Hugging Face's cache every file is a link to a blob outside its folder. Raises
    `InvalidRequest` for one outside the folder.
    """
    inside = os.path.normpath(image)
    if Path(inside).is_absolute() or inside.partition(os.sep)[0] == os.pardir:
        raise InvalidRequest(f"{where} names an image outside its folder: `{image}`.")
    try:
        return ImagePlace(file, 0, (folder / inside).stat().st_size)
    except (OSError, ValueError):
        return ImagePlace(file, 0, -1)


def _read_table(path: Path) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file) if path.suffix == ".csv" else (_parse(line) for line in file if line.strip())
            for columns in rows:
                yield columns
                number += 1
    except (ValueError, csv.Error) as error:
        raise DamagedFile(f"row {number + 1} of {path.name} cannot be read ({error}): fix that line.") from error


def _parse(line: str) -> dict[str, Any]:
    columns = json.loads(line)
    if not isinstance(columns, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - a fault of the file
    return columns
