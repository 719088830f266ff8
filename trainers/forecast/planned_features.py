"""A training set whose cached features have shapes and no values, for counting steps.

Shape letters: N texts, M meanings, B batch, R elements of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hub.bases.frozen import FrozenBase
from trainers.corpora.corpus import Example, Prompt
from trainers.corpora.crop import Crop
from trainers.forecast.weightless import Weightless
from trainers.inputs.features import FeatureDataset
from trainers.inputs.token_rows import Tokens

SAMPLE = 4096
"""Examples of a planned corpus; the rest is a multiple of them."""
KEPT = 64
"""Bytes of a text in memory: weights, their sums, hashes and places. Its letters and tokens stay in files."""

CROPPED = 32
"""More bytes of a text whose image is cropped: the size of the image, its bucket and places in it."""


class PlannedCorpus:
    """As many pairs of an image and a caption in every language as planned, of which `SAMPLE` are made."""

    name = "planned"
    digest = "planned"
    base_splits: tuple[str, ...] = ()
    has_images = True
    unreadable = frozenset[str]()

    def __init__(self, pairs: int, languages: Sequence[str]) -> None:
        self.languages: tuple[str, ...] = (*languages, "en")
        self.scale = max(1.0, pairs / SAMPLE)
        self._count = min(pairs, SAMPLE)

    def examples(self, language: str) -> list[Example]:
        """Return a hundred letters for each image: the length of a caption."""
        return [
            Example(f"{language} {place} ".ljust(100, "a"), language, str(place), f"en {place} ".ljust(100, "a"))
            for place in range(self._count)
        ]

    def prompts(self, language: str, split: str) -> list[Prompt]:  # noqa: ARG002 - the interface of a corpus
        """Return nothing: a planned corpus has no held-out prompts."""
        return []

    def gallery(self, split: str) -> list[Prompt]:  # noqa: ARG002
        """Return nothing."""
        return []

    def images(self, concepts: Sequence[str]) -> Tensor:
        """Return black images, (N, 3, 64, 64)."""
        return torch.zeros(len(concepts), 3, 64, 64, dtype=torch.uint8)

    def sizes(self, concepts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int32]]:
        """Return squares, whose bucket is the largest."""
        return np.full((len(concepts), 2), 1024, np.int32)

    def crops(self, concepts: Sequence[str], crops: Sequence[Crop]) -> Tensor:
        """Return black crops."""
        return torch.zeros(len(concepts), 3, *crops[0].size, dtype=torch.uint8)


class PlannedTokens:
    """Tokens of texts that are all the first one of the vocabulary; see `TokenRows`."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __getitem__(self, rows_B: Tensor) -> Tokens:
        ids_BL = torch.zeros(len(rows_B), self._length, dtype=torch.long)
        return ids_BL, torch.ones_like(ids_BL, dtype=torch.bool)


class PlannedRows:
    """The rows of a cache, without values; see `MappedRows`."""

    def __init__(self, weightless: Weightless, count: int, shape: Sequence[int]) -> None:
        self._weightless = weightless
        self._count = count
        self._shape = tuple(shape)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index_B: Tensor) -> Tensor:
        return self._weightless.tensor(len(index_B), *self._shape)

    def prefetch(self, index_B: Tensor) -> None:
        """Do nothing: there is no file."""

    def sample(self, count: int) -> Tensor:
        """Return `count` rows, or all of them."""
        return self._weightless.tensor(min(count, self._count), *self._shape)


def without_values(features: FeatureDataset, needs: Sequence[str], weightless: Weightless) -> FeatureDataset:
    """Put planned rows in the place of the features that `needs` names, and return the dataset."""
    base: Any = features.base
    texts, meanings = len(features.texts_N), len(features.english_M)
    made: dict[str, Any] = {"deviation": 1.0}
    if isinstance(base, FrozenBase):
        row = base.length * base.width + (base.pooled_width or 0) + (base.length if base.mask else 0)
        made["teacher_MR"] = PlannedRows(weightless, meanings, (row,))
        if "latents" in needs:
            shapes = [cache.shape for cache in features.caches("latents")]
            made["latent_rows"] = [PlannedRows(weightless, count, shape) for count, *shape in shapes]
        made["end_M"] = torch.zeros(meanings, dtype=torch.long)
    made["states_NLE"] = PlannedRows(weightless, texts, (features.length, features.encoder.width))
    made["_tokens"] = made["meaning_tokens"] = PlannedTokens(features.length)
    if {"captions", "images"} & {*needs}:
        made |= dict.fromkeys(("captions_MP", "images_MP"), PlannedRows(weightless, meanings, (features.dual.width,)))
    if features.sentence_encoder is not None:
        width, phrases = features.sentence_encoder.width, features.phrases
        made["sentences"] = tuple(weightless.tensor(len(each), width) for each in (phrases.english_P, phrases.texts_N))
    vars(features).update(made)
    return features


def rows_of_step(features: FeatureDataset, examples: int, count: int, *, with_images: bool) -> Tensor:
    """Return `count` examples (B,) of a step, whose images, if it reads them, are in the largest bucket."""
    crops = features.image_latents.crops if with_images else None
    if crops is None:
        return (torch.arange(count) + 1) % examples
    (rows,) = torch.where(torch.from_numpy(crops.bucket_M == crops.largest)[features.meaning_N])
    return rows[torch.arange(count) % len(rows)]


def host_bytes(features: FeatureDataset) -> int:
    """Return the bytes that the texts of a dataset take on the host."""
    return (KEPT + (CROPPED if features.cropping else 0)) * len(features.texts_N)
