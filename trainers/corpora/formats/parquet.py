"""Read captions and images from parquet files: captions without the image column, images a few rows at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from hub.errors import DamagedFile
from trainers.corpora.formats.row import NO_IMAGE, ImagePlace, Row, no_column, refuse_urls, url_column

IMAGE = "image"
TEXT_ROWS, IMAGE_ROWS = 4096, 32
"""Rows in memory at a time."""


class _Window(NamedTuple):
    """Images that were read, the rows that they begin at, and what reads the next ones of their row group."""

    file: int
    group: int
    first: int
    images: pa.RecordBatch
    more: Iterator[pa.RecordBatch]


class _Open(NamedTuple):
    """A file, and the first rows of its row groups, followed by the number of its rows."""

    file: int
    parquet: pq.ParquetFile
    starts: list[int]


class ParquetFormat:
    """Rows of parquet files. Without an image column, they are texts alone."""

    def __init__(self, root: Path, files: Sequence[str], image_column: str, wanted: Sequence[str]) -> None:
        self.root = root
        self.files = files
        self._image_column = image_column
        self._wanted = wanted
        self._window: _Window | None = None
        self._open: _Open | None = None

    def rows(self) -> Iterator[Row]:
        """Read all rows; see `Format`."""
        for file, name in enumerate(self.files):
            parquet = self._file(file)
            names = parquet.schema_arrow.names
            image = self._image_column or IMAGE
            if image not in names:
                if (urls := url_column(names)) is not None:
                    raise refuse_urls(urls, name)
                if self._image_column:
                    raise no_column(image, names, name)
            elif _is_text(parquet.schema_arrow.field(image).type):
                raise refuse_urls(image, name)
            chosen = [each for each in names if each in self._wanted]
            row = 0
            for group in range(parquet.num_row_groups):
                start = row
                for columns in _read_group(parquet, group, chosen):
                    place = ImagePlace(file, row, 0) if image in names else NO_IMAGE
                    all_named = dict.fromkeys(names) | columns if row == 0 else columns
                    yield Row(f"{name}/{group}/{row - start}", all_named, place)
                    row += 1

    def read(self, key: str, place: ImagePlace, count: int | None = None) -> bytes:
        """Return the bytes of an image file; see `Format`. Rows are read fast in their order."""
        window = self._seek(place)
        found = window.images.column(0)[place.offset - window.first].as_py()
        content = found.get("bytes") if isinstance(found, dict) else found  # Hugging Face's Image, or plain bytes.
        if not isinstance(content, bytes):
            raise KeyError(key)
        return content[:count]

    def _file(self, file: int) -> pq.ParquetFile:
        if self._open is None or self._open.file != file:
            name = self.files[file]
            try:
                parquet = pq.ParquetFile(self.root / name, memory_map=True)
            except (OSError, ValueError) as error:
                raise DamagedFile(
                    f"{name} cannot be read ({' '.join(str(error).split())}): download it again."
                ) from error
            rows = (parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups))
            self._open = _Open(file, parquet, [*accumulate(rows, initial=0)])
        return self._open.parquet

    def _seek(self, place: ImagePlace) -> _Window:
        """Read on, or from the begin of a row group, until the window has this row."""
        window = self._window
        parquet = self._file(place.file)
        assert self._open is not None, "it was just opened"
        starts = self._open.starts
        group = bisect_right(starts, place.offset) - 1
        if window is None or (window.file, window.group) != (place.file, group) or place.offset < window.first:
            more = parquet.iter_batches(IMAGE_ROWS, row_groups=[group], columns=[self._image_column or IMAGE])
            window = _Window(place.file, group, starts[group], next(more), more)
        while place.offset >= window.first + window.images.num_rows:
            window = window._replace(first=window.first + window.images.num_rows, images=next(window.more))
        self._window = window
        return window


def _read_group(parquet: pq.ParquetFile, group: int, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    if columns:
        for batch in parquet.iter_batches(TEXT_ROWS, row_groups=[group], columns=columns):
            yield from batch.to_pylist()
    else:
        yield from ({} for _ in range(parquet.metadata.row_group(group).num_rows))


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
