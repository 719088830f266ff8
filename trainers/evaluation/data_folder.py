"""Find and read the files of a benchmark's data, and compute its digest. Nothing is unpickled."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from hub.errors import DamagedFile, InvalidRequest, UnknownLanguage, Unreachable
from hub.languages import parse_language
from trainers.corpora.formats.shards import IMAGES

PATTERNS = ("*.parquet", "*.json", "*.jsonl", "*.csv", "*.txt", "*.gz", *(f"*{suffix}" for suffix in IMAGES))
"""Files that are downloaded of a data set."""
COUNTRY_CODES = {"jp": "ja"}
"""Codes in published files that are a country's and not a language's."""


def local_folder(place: str) -> Path:
    """Return a folder, or download that data set `owner/name` from the Hugging Face Hub. Raises `Unreachable`, `InvalidRequest`."""
    if Path(place).expanduser().is_dir():
        return Path(place).expanduser()
    if Path(place).is_file():
        raise InvalidRequest(f"`{place}` is a file: pass the folder that contains the benchmark's files to --data.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(place, repo_type="dataset", allow_patterns=list(PATTERNS)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = " ".join(str(error).split(". ")[0].split())
        raise Unreachable(
            f"`{place}` is not a local folder, and cannot be downloaded as a dataset of the Hugging Face Hub ({reason}): check the "
            "name or the path."
        ) from error


class DataFolder:
    """The files of a benchmark, in any sub-folders."""

    def __init__(self, benchmark: str, folder: Path, layout: str) -> None:
        """`layout` describes the expected files in messages."""
        self.benchmark, self.folder, self.layout = benchmark, folder, layout

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                found.setdefault(path.name, []).append(path)
        return found

    def find(self, pattern: str) -> list[Path]:
        """Return the files that match a pattern such as `annotations/*/test.jsonl`, sorted; may be empty."""
        return sorted(path for paths in self._files.values() for path in paths if path.match(pattern))

    def get(self, name: str) -> Path:
        """Return the first file called `name`, which may have folders, or with `.gz` after it. Raises `InvalidRequest`."""
        if found := [*self.find(name), *self.find(f"{name}.gz")]:
            return found[0]
        raise InvalidRequest(
            f"there is no file `{name}` in `{self.folder}`: `{self.benchmark}` expects {self.layout} (see docs/train/evaluate.md)."
        )

    def images(self, names: Sequence[str]) -> list[Path]:
        """Return the files of images by name, without folders. Raises `InvalidRequest` if some are missing."""
        lacking = [name for name in names if name not in self._files]
        if lacking:
            raise InvalidRequest(
                f"{len(lacking):,} of {len(names):,} images of `{self.benchmark}` are missing, such as `{lacking[0]}`: put them "
                f"below `{self.folder}`."
            )
        return [self._files[name][0] for name in names]

    def has_images(self, names: Iterable[str]) -> bool:
        """Return whether any of these images exists."""
        return any(name in self._files for name in names)

    def language(self, code: str, path: Path) -> str:
        """Return the BCP-47 tag of a language in a file's name or column. Raises `InvalidRequest`."""
        try:
            return parse_language(COUNTRY_CODES.get(code, code))
        except UnknownLanguage as error:
            raise InvalidRequest(
                f"`{path.name}` of `{self.benchmark}` is for an unknown language, `{code}`."
            ) from error


def read_lines(path: Path) -> list[str]:
    """Return the stripped lines of a text file, which may be compressed. Raises `DamagedFile`."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return [line.strip() for line in content.decode("utf-8-sig").rstrip("\n").split("\n")]
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def read_json(path: Path) -> Any:
    """Return the content of a JSON file. Raises `DamagedFile`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from error


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON Lines file. Raises `DamagedFile` with the number of the line."""
    for number, line in enumerate(read_lines(path), 1):
        if not line:
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _damaged(path, f"line {number}: {error}") from error
        if not isinstance(row, dict):
            raise _damaged(path, f"line {number} is not an object")
        yield row


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file. Raises `DamagedFile` for rows with more or fewer cells than the header."""
    rows = list(csv.DictReader(read_lines(path)))
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise _damaged(path, f"line {number} does not have the columns of the header")
    return rows


def as_text(value: object, path: Path, where: str) -> str:
    """Return a caption on one line; of a list, the first. Raises `InvalidRequest` if there is none."""
    if isinstance(value, list):
        value = value[0] if value else ""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text:
        raise InvalidRequest(f"{where} of `{path.name}` has no caption: fix or remove it.")
    return text


def same_length(texts: Sequence[str], names: Sequence[str], path: Path, other: Path) -> None:
    """Check that two files have a line for each other's. Raises `InvalidRequest`."""
    if len(texts) != len(names):
        raise InvalidRequest(
            f"{_short(path)} has {len(texts):,} lines and {_short(other)} {len(names):,}: they must correspond line by line."
        )


def _short(path: Path) -> str:
    return f"`{path.parent.name}/{path.name}`"


def duplicate_in(names: Sequence[str]) -> str:
    """Return the first name that occurs twice, or an empty string."""
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), "")  # type: ignore[func-returns-value]


def rows_digest(rows: Iterable[Sequence[str]]) -> str:
    """Return the SHA-256 of rows of texts, as canonical JSON."""
    total = hashlib.sha256()
    for row in rows:
        total.update((json.dumps(list(row), ensure_ascii=False) + "\n").encode())
    return total.hexdigest()


def open_image(path: Path) -> Any:
    """Return an image file as RGB. Raises `DamagedFile`."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DamagedFile(f"the image `{path.name}` cannot be read: download it again.") from error


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, computed once per process while it is unchanged: languages share their images."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=200_000)
def _digest(path: Path, _size: int, _changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: Path, problem: object) -> DamagedFile:
    return DamagedFile(f"`{path.name}` cannot be read ({' '.join(str(problem).split())}): download it again.")
