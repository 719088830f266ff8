"""Index the rows of a captioned corpus: an Arrow file with captions, hashes and the places of images, mapped into memory.

Rows are read once, in batches; images are not read. The next process that opens the same files maps the file that it finds.

Shape letters: N rows.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from filelock import FileLock

from hub.errors import DamagedFile, HubError, InvalidRequest, Unreachable
from hub.languages import parse_language
from trainers.corpora.columns import Columns
from trainers.corpora.formats import open_format
from trainers.corpora.formats.row import Format, ImagePlace, Row, list_files
from trainers.corpora.text_columns import Column

VERSION = 1
"""Changes when an index has other columns."""
BATCH = 4096
"""Rows in memory while an index is written."""
TRUE = {"1", "true", "yes"}
FALSE = {"", "0", "false", "no", "none"}
Numbers = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Counts:
    """The counts of a scan of all rows."""

    rows: int = 0
    """Rows with a caption."""
    images: int = 0
    without_captions: int = 0
    without_english: int = 0
    without_image: list[str] = field(default_factory=list)
    """The first keys of rows without an image."""
    missing: Counter[str] = field(default_factory=Counter)
    """By language: rows whose caption is missing or empty."""
    content: str = ""
    """SHA-256 of all keys and captions, and of the sizes of images and of the files that hold rows."""


class Index:
    """Captions, hashes and places of all rows that have a caption."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts = _read_counts(path)
        self._table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def texts(self, name: str) -> Column:
        """Return a column of texts: `key`, or `caption TAG`."""
        return Column(self._table[name])

    def numbers(self, name: str) -> Numbers:
        """Copy a column of numbers (N,) into memory: `key hash`, `caption hash TAG`, `size`, or `native TAG`."""
        column = self._table[name]
        return np.concatenate(
            [np.zeros(0, column.type.to_pandas_dtype()), *(each.to_numpy(False) for each in column.chunks)]
        )

    def place(self, row: int) -> ImagePlace:
        """Return where the image of a row is."""
        return ImagePlace(*(self._table[name][row].as_py() for name in ImagePlace._fields))


def open_index(place: Path, columns: Columns, folder: Path, name: str) -> tuple[Index, Format]:
    """Open the index of a corpus in `folder`, and write it first if it is not there. `name` is the corpus's in messages.

    Raises `InvalidRequest` for an unknown format or missing columns, `DamagedFile` for broken files, `Unreachable` if the index cannot
    be written.
    """
    wanted = tuple(
        dict.fromkeys([*(column for _, column in columns.captions), *([columns.native] if columns.native else [])])
    )
    source = open_format(place, columns.image, wanted)
    path = folder / f"corpus-{_key(place, columns)[:40]}.arrow"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # The others wait while one process writes.
            if not path.exists():
                _write(path, source, columns, name)
    except OSError as error:
        raise Unreachable(f"the index of `{name}` cannot be written: {error.strerror or error}.") from error
    return Index(path), source


def hash_of(text: str) -> int:
    """Return the first 64 bits of the SHA-256 of a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def _write(path: Path, source: Format, columns: Columns, name: str) -> None:
    counts, digest = Counts(), hashlib.sha256()
    schema = _schema(columns)
    rows = _captioned(source, columns, counts, name)
    unfinished = path.with_suffix(".part")
    with pa.OSFile(str(unfinished), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        while batch := [*islice(rows, BATCH)]:
            found = dict(zip(schema.names, zip(*batch, strict=True), strict=True))
            writer.write_batch(pa.RecordBatch.from_pydict(found, schema))
            hashed = ["key", "size", *(f"caption {tag}" for tag, _ in columns.captions)]
            digest.update(json.dumps([found[name] for name in hashed]).encode())
    digest.update(json.dumps([(source.root / name).stat().st_size for name in source.files]).encode())
    counts.content = digest.hexdigest()
    path.with_suffix(".json").write_text(json.dumps(vars(counts)))
    unfinished.replace(path)


def _schema(columns: Columns) -> pa.Schema:
    fields = [("key", pa.string()), ("key hash", pa.uint64())]
    fields += [("file", pa.int32()), ("offset", pa.int64()), ("size", pa.int64())]
    for tag, _ in columns.captions:
        fields += [(f"caption {tag}", pa.string()), (f"caption hash {tag}", pa.uint64()), (f"native {tag}", pa.bool_())]
    return pa.schema(fields)


def _captioned(source: Format, columns: Columns, counts: Counts, name: str) -> Iterator[tuple[Any, ...]]:
    """Return the rows that have a caption, as rows of the index in the order of its schema, and count the others."""
    for number, row in enumerate(_readable(source)):
        if number == 0:
            _check_columns(row, columns, name)
        captions = {tag: _caption(row.columns.get(column)) for tag, column in columns.captions}
        if not any(captions.values()):
            counts.without_captions += 1
            continue
        counts.rows += 1
        if row.place.size < 0:
            counts.without_image += [row.key] if len(counts.without_image) < 3 else []
        else:
            counts.images += 1
        counts.without_english += not captions.get("en")
        counts.missing.update(tag for tag, caption in captions.items() if not caption)
        key = _clean(row.key)
        native = _native(row.columns.get(columns.native), columns, row.key) if columns.native else ()
        texts: list[Any] = []
        for tag, caption in captions.items():
            is_native = tag != "en" and (tag in native or not captions.get("en"))
            texts += [caption, hash_of(caption) if caption else 0, is_native]
        yield key, hash_of(key), *row.place, *texts


def _readable(source: Format) -> Iterator[Row]:
    try:
        yield from source.rows()
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DamagedFile(f"{source.root.name} cannot be read ({reason}): download it again.") from error


def _check_columns(row: Row, columns: Columns, name: str) -> None:
    """Check that the first row has all columns; later rows of shards and JSON may lack some."""
    options = [(column, "--caption-column") for _, column in columns.captions]
    options += [(columns.native, "--native-column")] if columns.native else []
    for column, option in options:
        if column not in row.columns:
            raise InvalidRequest(
                f"there is no column `{column}` in `{name}`; its columns are {', '.join(row.columns) or 'none'}. "
                f"Choose one with `{option}`."
            )


def _caption(value: object) -> str:
    """Return the caption on one line; of a list, the first non-empty one."""
    if isinstance(value, list):
        value = next((each for each in value if isinstance(each, str) and each.strip()), "")
    return _clean(" ".join(value.split())) if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON and names of files may hold and Arrow may not."""
    return text.encode(errors="replace").decode()


def _native(value: object, columns: Columns, key: str) -> set[str]:
    """Return the languages in which a row is native: all for a true value, one for its tag. Raises `InvalidRequest`."""
    text = str(value).strip().lower() if value is not None else ""
    if text in FALSE:
        return set()
    if text in TRUE:
        return {tag for tag, _ in columns.captions}
    try:
        return {parse_language(str(value))}
    except HubError as error:
        raise InvalidRequest(
            f"`{columns.native}` of {key} is `{value}`: a column of native rows has true, false, or a language tag such as `yo`."
        ) from error


def _key(place: Path, columns: Columns) -> str:
    """Return what an index depends on: the names, sizes and times of all files, and the columns."""
    digest = hashlib.sha256(f"{VERSION} {columns.image} {columns.captions} {columns.native}".encode())
    root, files = (place.parent, [place.name]) if place.is_file() else (place, list_files(place))
    for name in files:
        try:
            found = (root / name).stat()
        except OSError:  # A link to nothing, which cannot be read either.
            continue
        digest.update(f"\n{name} {found.st_size} {found.st_mtime_ns}".encode())
    return digest.hexdigest()


def _read_counts(path: Path) -> Counts:
    try:
        found: Mapping[str, Any] = json.loads(path.with_suffix(".json").read_text())
    except (OSError, ValueError) as error:
        raise DamagedFile(f"the index {path.name} is incomplete: run `hub cache --clear`.") from error
    return Counts(**{**found, "missing": Counter(found["missing"])})
