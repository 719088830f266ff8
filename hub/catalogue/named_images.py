"""Read the names and images of a data set of four parquet tables: concepts, names, languages, images.

The tables are unpacked once into a SQLite file in the folder of caches, so that a page costs what it shows: reading a language from a
parquet file decodes the names of all languages. Only data sets of the curated owner are unpacked, because a parquet file of a stranger
could take any memory.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.errors import DamagedFile, MissingExtra, Unreachable
from hub.records import Artifact, File
from hub.registry import CURATED_OWNER, Registry
from hub.registry.artifacts.files import find_files
from hub.store import BlobStore

TABLES = ("concepts.parquet", "names.parquet", "languages.parquet", "images.parquet")
"""Files of a data set that can be browsed."""
FOLDER = "data-sets"
"""Folder of the unpacked tables among the caches."""
_LAYOUT = "1"
"""Part of the name of an unpacked file: change it when the statements below change."""
_BATCH = 20_000
"""Rows of a table that are unpacked at a time."""
_CREATE = """
CREATE TABLE concepts (position INTEGER PRIMARY KEY, id TEXT UNIQUE, meaning TEXT, role TEXT, category TEXT, subgroup TEXT);
CREATE TABLE languages (tag TEXT PRIMARY KEY, names INTEGER);
CREATE TABLE images (id TEXT PRIMARY KEY, bytes BLOB);
CREATE TABLE names (language TEXT, position INTEGER, name TEXT, split TEXT, PRIMARY KEY (language, position)) WITHOUT ROWID;
"""
FILTERS = {"split": "split", "role": "role", "group": "category"}
"""Filter → column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuery:
    """The names to show. Empty fields do not filter."""

    language: str
    """A tag of the data set."""
    split: str = ""
    role: str = ""
    group: str = ""
    text: str = ""
    """Part of a name or of its English meaning, ignoring case and accents."""
    limit: int = 60
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImage:
    """An image with its name in a language."""

    concept: str
    """Its id in the data set."""
    name: str
    meaning: str
    """Its English name."""
    split: str
    """`seen` in training, or a split that is reserved for evaluation."""
    role: str
    group: str
    subgroup: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImages:
    """A page of names with their images."""

    rows: tuple[NamedImage, ...]
    total: int
    facets: dict[str, dict[str, int]]
    """Filter → value → number of rows with it under the other filters, in the order of the data set."""


class ImageTables:
    """The unpacked tables of one revision."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def languages(self) -> dict[str, int]:
        """Return the languages with their number of names, by tag."""
        with self._open() as connection:
            return dict(connection.execute("SELECT tag, names FROM languages ORDER BY tag").fetchall())

    def rows(self, query: RowQuery) -> NamedImages:
        """Return the names in a language that pass the filters, in the order of the data set."""
        with self._open() as connection:
            matching = _matching(connection, query)
            source, values = _source(query, matching)
            total = connection.execute(f"SELECT count(*) {source}", values).fetchone()[0]
            columns = "id, name, meaning, split, role, category, subgroup"
            page = f"SELECT {columns} {source} ORDER BY position LIMIT :limit OFFSET :offset"
            found = connection.execute(page, {**values, "limit": query.limit, "offset": query.offset}).fetchall()
            facets = {name: _facet(connection, query, name, matching) for name in FILTERS}
        rows = tuple(
            NamedImage(concept=id, name=name, meaning=meaning, split=split, role=role, group=group, subgroup=subgroup)
            for id, name, meaning, split, role, group, subgroup in found
        )
        return NamedImages(rows=rows, total=total, facets=facets)

    def image(self, concept: str) -> bytes | None:
        """Return the image of a concept, WebP; None for an unknown one."""
        with self._open() as connection:
            found = connection.execute("SELECT bytes FROM images WHERE id = ?", (concept,)).fetchone()
        return bytes(found[0]) if found else None

    def sample(self, count: int) -> tuple[str, ...]:
        """Return `count` concepts with the role of the first one, at even distances, or fewer if there are fewer."""
        question = "SELECT id FROM concepts WHERE role = (SELECT role FROM concepts LIMIT 1) ORDER BY position"
        with self._open() as connection:
            every = [each[0] for each in connection.execute(question)]
        return tuple(every[:: max(1, len(every) // count)][:count])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            yield connection


def fold(text: str) -> str:
    """Return a text for comparison: without case and accents."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in plain if not unicodedata.combining(each))


def is_browsable(registry: Registry, artifact: Artifact) -> bool:
    """Return whether an artifact is a curated data set of these tables."""
    return len(_files(registry, artifact)) == len(TABLES)


def open_tables(registry: Registry, store: BlobStore, caches: Path, artifact: Artifact) -> ImageTables:
    """Return the tables of a data set's newest revision, and unpack them if that was not done before, which takes seconds.

    `artifact` must be browsable. Raises DamagedFile for tables of another format, MissingExtra without pyarrow, and Unreachable if
    `caches` cannot be written.
    """
    files = _files(registry, artifact)
    key = hashlib.sha256("".join([_LAYOUT, *(files[name].digest.hex for name in TABLES)]).encode()).hexdigest()
    target = caches / FOLDER / f"{artifact.name.owner}+{artifact.name.name}+{key[:32]}.sqlite"
    if not target.is_file():
        from filelock import FileLock

        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(target.with_suffix(".lock")):
                if not target.is_file():
                    _unpack(store, files, target)
                    _remove_former(target)
        except OSError as error:
            raise Unreachable(f"cannot write {target}: {error.strerror}. Free space, or set HUB_HOME.") from error
    return ImageTables(target)


def _files(registry: Registry, artifact: Artifact) -> dict[str, File]:
    is_curated = artifact.kind == "dataset" and artifact.name.owner == CURATED_OWNER and bool(artifact.revision)
    return find_files(registry.database, artifact.revision, TABLES) if is_curated else {}


def _unpack(store: BlobStore, files: Mapping[str, File], target: Path) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtra("serve", "browsing a data set") from error

    def rows(name: str, *columns: str) -> Iterator[Sequence[tuple[Any, ...]]]:
        file = files[f"{name}.parquet"]
        with store.open(file.digest, file.size_bytes) as opened:
            table = pq.ParquetFile(io.BytesIO(opened.read()))
        for batch in table.iter_batches(_BATCH, columns=columns, use_threads=False):
            yield [*zip(*(batch.column(column).to_pylist() for column in columns), strict=True)]

    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    os.close(handle)
    unfinished = Path(name)
    try:
        with closing(sqlite3.connect(unfinished)) as connection:
            connection.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_CREATE}")
            _insert(connection, rows)
            connection.commit()
        unfinished.replace(target)  # Readers see the complete file or none.
    except (pa.ArrowException, KeyError, TypeError, sqlite3.DatabaseError) as error:
        raise DamagedFile(f"the tables of the data set cannot be read: {error}. Publish them again.") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _remove_former(target: Path) -> None:
    """Delete the tables of former revisions, which are not shown. Who is reading them keeps the open file."""
    data_set = target.name.rpartition("+")[0]
    for each in target.parent.glob(f"{data_set}+*"):
        if each.stem != target.stem:
            each.unlink(missing_ok=True)


def _insert(connection: sqlite3.Connection, rows: Callable[..., Iterator[Sequence[tuple[Any, ...]]]]) -> None:
    places: dict[str, int] = {}
    for some in rows("concepts", "id", "name", "role", "group", "subgroup"):
        places |= {each[0]: number for number, each in enumerate(some, len(places))}
        values = [(places[each[0]], *each) for each in some]
        connection.executemany("INSERT INTO concepts VALUES (?, ?, ?, ?, ?, ?)", values)
    for some in rows("languages", "language", "names"):
        connection.executemany("INSERT INTO languages VALUES (?, ?)", some)
    for some in rows("images", "concept", "image"):
        connection.executemany("INSERT INTO images VALUES (?, ?)", [(id, image["bytes"]) for id, image in some])
    for some in rows("names", "language", "concept", "name", "split"):
        connection.executemany(
            "INSERT INTO names VALUES (?, ?, ?, ?)", [(tag, places[id], name, split) for tag, id, name, split in some]
        )


def _matching(connection: sqlite3.Connection, query: RowQuery) -> str | None:
    """Return the positions of names that contain the text, as JSON; None without a text."""
    wanted = fold(query.text.strip())
    if not wanted:
        return None
    question = "SELECT position, name, meaning FROM names JOIN concepts USING (position) WHERE language = ?"
    rows = connection.execute(question, (query.language,))
    return json.dumps([each[0] for each in rows if wanted in fold(f"{each[1]}\n{each[2]}")])


def _source(query: RowQuery, matching: str | None, without: str = "") -> tuple[str, dict[str, Any]]:
    """Return the SQL of the rows that pass the filters, or all but one filter, and its parameters."""
    conditions, values = ["language = :language"], {"language": query.language}
    for name, column in FILTERS.items():
        if (wanted := getattr(query, name)) and name != without:
            conditions.append(f"{column} = :{name}")
            values[name] = wanted
    if matching is not None:
        conditions.append("position IN (SELECT value FROM json_each(:matching))")
        values["matching"] = matching
    return f"FROM names JOIN concepts USING (position) WHERE {' AND '.join(conditions)}", values


def _facet(connection: sqlite3.Connection, query: RowQuery, name: str, matching: str | None) -> dict[str, int]:
    source, values = _source(query, matching, name)
    column = FILTERS[name]
    question = f"SELECT {column}, count(*) {source} GROUP BY {column} ORDER BY min(position)"
    return dict(connection.execute(question, values).fetchall())
