"""Read the dataset `emoji`: its tables, its digest, its names, and images as tensors."""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from pyarrow.compute import field
from torch import Tensor

from hub.errors import DamagedFile

TABLES = ("concepts", "names", "languages", "images")

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Name:
    """The name of an emoji in a language."""

    language: str
    concept: str
    name: str
    keywords: tuple[str, ...]
    split: str


class World:
    """The dataset `emoji`; each table is read on first use."""

    def __init__(self, folder: Path | None = None) -> None:
        """Open the dataset in `folder`, or the committed one. Raises `DamagedFile` if it is missing."""
        self.folder = folder or _committed_folder()
        if not (self.folder / "names.parquet").is_file():
            raise DamagedFile("the dataset `emoji` is missing: build it with `python -m trainers.lab.dataset.build`.")
        self._images: dict[str, Tensor] = {}

    @cached_property
    def concepts(self) -> dict[str, dict[str, Any]]:
        """Rows of `concepts.parquet` by id, in Unicode's order."""
        return {row["id"]: row for row in read_table(self.folder, "concepts")}

    @cached_property
    def names(self) -> list[Name]:
        """Every name in every language."""
        return _names(self._stored_names)

    def named(self, *languages: str) -> list[Name]:
        """Return the names in the given languages."""
        return _names(self._stored_names.filter(field("language").isin(languages)))

    @cached_property
    def languages(self) -> dict[str, dict[str, str]]:
        """Rows of `languages.parquet` by tag."""
        return {row["language"]: row for row in read_table(self.folder, "languages")}

    def image(self, concept: str) -> Tensor:
        """Return the image of a concept, (3, 64, 64), uint8, decoded on first use: all 3,655 take a second."""
        if concept not in self._images:
            self._images[concept] = _decode(self._stored_images[concept])
        return self._images[concept]

    @cached_property
    def _stored_images(self) -> dict[str, bytes]:
        return {row["concept"]: row["image"]["bytes"] for row in read_table(self.folder, "images")}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all rows; read from the dataset's card if possible, since reading the rows takes seconds."""
        card = self.folder / "README.md"
        if card.is_file() and (found := re.search(r"digest\W{1,8}([0-9a-f]{64})\b", card.read_text(encoding="utf-8"))):
            return found[1]
        return digest(read(self.folder))

    def gallery(self) -> list[str]:
        """Return the ids of the base concepts, among which a generated image must be recognised."""
        return [id for id, row in self.concepts.items() if row["role"] == "base"]

    @cached_property
    def _stored_names(self) -> Any:
        """Return the table of all names, 40 MB: reading it takes ten times as long as choosing a language."""
        return pq.read_table(self.folder / "names.parquet")


def _names(table: Any) -> list[Name]:
    return [
        Name(row["language"], row["concept"], row["name"], tuple(row["keywords"]), row["split"])
        for row in table.to_pylist()
    ]


def digest(tables: dict[str, Rows]) -> str:
    """Return the SHA-256 of every row as canonical JSON, which does not depend on the layout of parquet files."""
    total = hashlib.sha256()
    encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=_bytes_digest).encode
    for table in TABLES:
        for row in tables[table]:
            total.update(f"{table}\t{encode(row)}\n".encode())
    return total.hexdigest()


def read(folder: Path) -> dict[str, Rows]:
    """Read all four tables."""
    return {name: read_table(folder, name) for name in TABLES}


def read_table(folder: Path, name: str) -> Rows:
    """Read the rows of a table."""
    rows: Rows = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return rows


def _committed_folder() -> Path:
    """Return `cards/datasets/emoji` of the installed package `cards`."""
    spec = find_spec("cards")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0] if places else "cards") / "datasets/emoji"


def _decode(webp: bytes) -> Tensor:
    return torch.from_numpy(np.array(Image.open(io.BytesIO(webp)).convert("RGB"))).permute(2, 0, 1).contiguous()


def _bytes_digest(value: Any) -> str:
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    raise TypeError(type(value))
