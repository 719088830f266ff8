"""The emoji data set in memory: rows to train on, pictures as tensors."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

from hub.errors import Damaged

CARDS = Path("cards")


@dataclass(frozen=True, slots=True)
class Name:
    """What one language calls one emoji."""

    language: str
    concept: str
    name: str
    keywords: tuple[str, ...]
    split: str


class World:
    """The data set `emoji`, read from its folder."""

    def __init__(self, folder: Path = CARDS / "datasets/emoji") -> None:
        self.folder = folder
        rows = pq.read_table(folder / "concepts.parquet").to_pylist()
        self.concepts = {row["id"]: row for row in rows}
        """Rows of `concepts.parquet` by id, in Unicode's order."""

    @cached_property
    def names(self) -> list[Name]:
        """Every name in every language."""
        rows = pq.read_table(self.folder / "names.parquet").to_pylist()
        return [
            Name(row["language"], row["concept"], row["name"], tuple(row["keywords"]), row["split"]) for row in rows
        ]

    def named(self, *languages: str) -> list[Name]:
        """The names in some languages."""
        columns = pq.read_table(self.folder / "names.parquet", filters=[("language", "in", languages)]).to_pylist()
        return [
            Name(row["language"], row["concept"], row["name"], tuple(row["keywords"]), row["split"]) for row in columns
        ]

    @cached_property
    def languages(self) -> dict[str, dict[str, str]]:
        """Rows of `languages.parquet` by tag."""
        return {row["language"]: row for row in pq.read_table(self.folder / "languages.parquet").to_pylist()}

    @cached_property
    def pictures(self) -> dict[str, Tensor]:
        """Picture of each concept, (3, 64, 64), uint8."""
        rows = pq.read_table(self.folder / "pictures.parquet").to_pylist()
        return {row["concept"]: _decode(row["image"]["bytes"]) for row in rows}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all rows, as the data set's card states it."""
        match = re.search(r"digest: `([0-9a-f]{64})`", (self.folder / "README.md").read_text(encoding="utf-8"))
        if match is None:
            raise Damaged("the card of the data set `emoji` states no digest: run `python -m trainers.lab.build`.")
        return match[1]

    def gallery(self) -> list[str]:
        """Ids of the base concepts, among which a generated picture must be recognised."""
        return [id for id, row in self.concepts.items() if row["role"] == "base"]


def _decode(webp: bytes) -> Tensor:
    return torch.from_numpy(np.array(Image.open(io.BytesIO(webp)).convert("RGB"))).permute(2, 0, 1).contiguous()


def to_unit(pictures_BCHW: Tensor) -> Tensor:
    """uint8 in 0…255 to float in −1…1, as diffusers has it."""
    return pictures_BCHW.float() / 127.5 - 1
