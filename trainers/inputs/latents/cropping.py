"""Choose the crops of the images: their sizes, positions and buckets.

Shape letters: M meanings, B batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainers.corpora.crop import Crop
from trainers.corpora.text_columns import Indices
from trainers.inputs.latents.buckets import Shape, Sizes, bucket_shapes, nearest_buckets
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import seed_of

NONE = -1
"""Bucket of the empty text, which has no image."""


@dataclass(frozen=True, slots=True)
class Cropping:
    """How images are cropped, if not to a center square whose size is not passed to the denoiser."""

    random_crops: int = 0
    """Random crops of each image; 0 is one crop from its middle."""
    random_flip: bool = False
    aspect_buckets: bool = False

    @classmethod
    def of(cls, recipe: Recipe) -> Cropping | None:
        """Return the cropping of a recipe, None if it has none."""
        found = cls(recipe.random_crops, recipe.random_flip, recipe.aspect_buckets)
        return found if recipe.center_crop or found != cls() else None

    @property
    def variants(self) -> int:
        """The number of crops of each image that are encoded. A center crop with random mirroring is encoded twice."""
        return self.random_crops or 1 + self.random_flip


class ImageCrops:
    """The crops of all images. They depend on the name and the size of an image alone."""

    def __init__(self, cropping: Cropping, concepts: Sequence[str], sizes: Sizes, *, side: int, grain: int) -> None:
        """`concepts` (M,) are the names of the images, of which the first is empty, and `sizes` (M - 1, 2) those of the others.

        `side` and `grain` are those of the base.
        """
        self.cropping = cropping
        shapes = bucket_shapes(side, grain) if cropping.aspect_buckets else [(side, side)]
        nearest = nearest_buckets(sizes, shapes)
        used, codes = np.unique(nearest, return_inverse=True)
        self.shapes: list[Shape] = [shapes[each] for each in used.tolist()]
        """Shape of each bucket that has images."""
        self.bucket_M = np.concatenate([[np.int16(NONE)], codes.astype(np.int16)])
        """Index of each image's bucket."""
        self._concepts = concepts
        self._sizes = sizes

    @property
    def largest(self) -> int:
        """Return the bucket whose images have the most pixels."""
        return max(range(len(self.shapes)), key=lambda bucket: math.prod(self.shapes[bucket]))

    def members(self, bucket: int) -> Indices:
        """Return the meanings whose images are in a bucket, in their order."""
        return np.flatnonzero(self.bucket_M == bucket)

    @cached_property
    def place_M(self) -> Indices:
        """Place of each image in its bucket."""
        places = np.zeros(len(self.bucket_M), np.int64)
        for bucket in range(len(self.shapes)):
            members = self.members(bucket)
            places[members] = np.arange(len(members))
        return places

    def bucket_of(self, meaning_B: Tensor) -> int:
        """Return the bucket of a batch of meanings. Raises `ValueError` if they are of several."""
        buckets = np.unique(self.bucket_M[meaning_B.numpy()]).tolist()
        if len(buckets) != 1 or buckets[0] == NONE:
            raise ValueError(f"a batch has images of one bucket, not of {buckets}: draw it by `bucket_N`.")
        return int(buckets[0])

    def crop(self, meaning: int, variant: int) -> Crop:
        """Return one of the crops of a meaning's image. The image keeps its aspect ratio, and the crop touches two of its sides."""
        height, width = (max(1, int(length)) for length in self._sizes[meaning - 1])
        size = self.shapes[self.bucket_M[meaning]]
        scale = max(size[0] / height, size[1] / width)
        resized = max(size[0], round(height * scale)), max(size[1], round(width * scale))
        down, right = resized[0] - size[0], resized[1] - size[1]
        top, left, first = down // 2, right // 2, 0
        if self.cropping.random_crops:
            seed = seed_of("crop", self._concepts[meaning], variant)
            top, left = seed % (down + 1), (seed >> 24) % (right + 1)
            first = seed_of("flip", self._concepts[meaning]) % 2
        return Crop(resized, top, left, size, self.cropping.random_flip and (variant + first) % 2 == 1)

    def told_sizes(self, meaning_B: Tensor, variant_B: Tensor) -> Tensor:
        """Return what SDXL reads (B, 6): original height and width, top and left of the crop, its height and width; see `predict`."""
        rows: list[Any] = []
        for meaning, variant in zip(meaning_B.tolist(), variant_B.tolist(), strict=True):
            crop = self.crop(meaning, variant)
            rows.append([*self._sizes[meaning - 1].tolist(), crop.top, crop.left, *crop.size])
        return torch.tensor(rows, dtype=torch.float32)
