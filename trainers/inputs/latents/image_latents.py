"""Cache the latents of images, one cache for each bucket, and read those of a batch.

Shape letters: M meanings, B batch, K H W a latent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor

from hub.bases.frozen import FrozenBase
from trainers.corpora.corpus import Corpus, Croppable
from trainers.corpora.text_columns import Chosen
from trainers.inputs.feature_cache import FeatureCache, key_of
from trainers.inputs.latents.cropping import Cropping, ImageCrops
from trainers.inputs.mapped_rows import MappedRows
from trainers.inputs.sharded_rows import Rows
from trainers.loop.distributed import process_place
from trainers.loop.sampler import normal

IMAGES, PIXELS = 64, 2 << 20
"""Images, and their pixels, that the autoencoder encodes or decodes at a time: 0.7 GB for each of 512 px, in fp32."""


class ImageBatch(NamedTuple):
    """The latents of a batch of images, and the sizes that denoisers such as SDXL's read."""

    latents_BKHW: Tensor
    sizes_B6: Tensor | None = None
    """As `FrozenBase.predict` takes them; None for images that are not cropped."""


@dataclass(frozen=True)
class ImageLatents:
    """Latents of the images of all meanings, on disk."""

    concept_M: Sequence[str]
    """The concept whose image shows each meaning; empty for row 0."""
    base: FrozenBase
    corpus: Corpus
    cropping: Cropping | None
    """None keeps one centre crop of each image, in the shape of the base."""
    sampled: bool
    """Whether mean and deviation of the autoencoder's posterior are kept, side by side, and latents are sampled from them."""
    folder: Path
    base_digest: str
    quiet: bool

    @cached_property
    def crops(self) -> ImageCrops | None:
        """The crops of all images; None without `cropping`."""
        if self.cropping is None:
            return None
        sizes = cast(Croppable, self.corpus).sizes(self.concept_M[1:])
        return ImageCrops(self.cropping, self.concept_M, sizes, side=self.base.side, grain=self.base.grain)

    def load(self) -> list[MappedRows]:
        """Compute what is missing, and return the latents of each bucket.

        They are (M, K, H, W), where row 0 is zero, or (…, K, H, W), the crops of each image one after the other.
        """
        caches, (rank, processes) = self.caches(), process_place()
        first = rank * len(caches) // processes  # Small buckets have one shard each: processes divide the buckets.
        loaded = {place: caches[place].load() for place in [*range(first, len(caches)), *range(first)]}
        has_blank = self.crops is None
        return [MappedRows(loaded[place], self.base.device, has_blank=has_blank) for place in range(len(caches))]

    def caches(self) -> list[FeatureCache]:
        """Return the caches of all buckets, filled or not. Half the space on a GPU, whose steps round latents to 16 bits anyway."""
        if self.crops is None:
            return [self._cache(self.concept_M[1:], self.shape_of(None), self._whole)]
        found = []
        for bucket, shape in enumerate(self.crops.shapes):
            concepts = Chosen(self.concept_M, self.crops.members(bucket))
            kind = ("crops", shape, self.crops.cropping.random_crops, self.crops.cropping.random_flip)
            compute = partial(self._cropped, bucket)
            found.append(self._cache(concepts, self.shape_of(bucket), compute, *kind))
        return found

    def shape_of(self, bucket: int | None) -> tuple[int, int, int]:
        """Return (K, H, W) of the rows of a bucket, or of images that are not cropped."""
        channels, height, width = self.base.latent_shape
        if bucket is not None:
            assert self.crops is not None, "there are buckets"
            size, side = self.crops.shapes[bucket], self.base.side
            height, width = size[0] * height // side, size[1] * width // side
        return (2 if self.sampled else 1) * channels, height, width

    def read(self, rows: Sequence[MappedRows], meaning_B: Tensor, generator: torch.Generator | None) -> ImageBatch:
        """Return the latents of the images of meanings of one bucket, from `rows` as they are loaded.

        With `generator`, it chooses one of an image's crops, and the values of sampled latents; without, these are the first and
        the mean. Raises `ValueError` for images of several buckets.
        """
        sizes_B6 = None
        if self.crops is None:
            found = rows[0][meaning_B]
        else:
            bucket, count = self.crops.bucket_of(meaning_B), self.crops.cropping.variants
            variant_B = torch.zeros_like(meaning_B)
            if generator is not None and count > 1:
                variant_B = torch.randint(count, (len(meaning_B),), generator=generator)
            found = rows[bucket][torch.from_numpy(self.crops.place_M[meaning_B.numpy()]) * count + variant_B]
            sizes_B6 = self.crops.told_sizes(meaning_B, variant_B)
            sizes_B6 = sizes_B6.pin_memory() if found.device.type == "cuda" else sizes_B6
            sizes_B6 = sizes_B6.to(found.device, non_blocking=True)
        return ImageBatch(self._draw(found, generator), sizes_B6)

    def prefetch(self, rows: Sequence[MappedRows], meaning_B: Tensor) -> None:
        """Start to read the rows that `read` will; of several crops it is not known yet which."""
        if self.crops is None:
            rows[0].prefetch(torch.cat([torch.zeros(1, dtype=torch.long), meaning_B]))
        elif self.crops.cropping.variants == 1:
            places_M, buckets_B = self.crops.place_M, self.crops.bucket_M[meaning_B.numpy()]
            if (buckets_B == buckets_B[0]).all():  # Else the batch is of a phase that reads no images.
                rows[int(buckets_B[0])].prefetch(torch.from_numpy(places_M[meaning_B.numpy()]))

    def _draw(self, found: Tensor, generator: torch.Generator | None) -> Tensor:
        if not self.sampled:
            return found
        mean_BKHW, deviation_BKHW = found.chunk(2, dim=1)
        if generator is None:
            return mean_BKHW
        return mean_BKHW + deviation_BKHW * normal(mean_BKHW.shape, generator, mean_BKHW.device)

    def _whole(self, first: int, last: int) -> Rows:
        encode = self.base.posterior if self.sampled else self.base.latents
        return encode(self.corpus.images(self.concept_M[1:][first:last])).cpu().numpy()

    def _cropped(self, bucket: int, first: int, last: int) -> Rows:
        """Encode crops of images: as many of each as there are variants, one after the other."""
        assert self.crops is not None, "there are buckets"
        encode, count = self.base.posterior if self.sampled else self.base.latents, self.crops.cropping.variants
        members = self.crops.members(bucket)
        wanted = [(int(members[row // count]), row % count) for row in range(first, last)]
        concepts = Chosen(self.concept_M, members)[first // count : (last - 1) // count + 1]
        names = [concepts[row // count - first // count] for row in range(first, last)]
        images = cast(Croppable, self.corpus).crops(names, [self.crops.crop(*each) for each in wanted])
        return encode(images, resize=False).cpu().numpy()

    def _cache(
        self, concepts: Sequence[str], shape: tuple[int, int, int], compute: Callable[[int, int], Rows], *kind: object
    ) -> FeatureCache:
        on_cpu, variants = self.base.device.type == "cpu", 1 if self.crops is None else self.crops.cropping.variants
        stored = [*([] if on_cpu else ["float16"]), *(["posterior"] if self.sampled else [])]
        pixels = shape[1] * shape[2] * (self.base.side // self.base.latent_shape[1]) ** 2
        return FeatureCache(
            folder=self.folder,
            key=key_of("latents", self.base_digest, self.corpus.digest, concepts, *stored, *kind),
            shape=(len(concepts) * variants, *shape),
            compute=compute,
            dtype="float32" if on_cpu else "float16",
            batch_size=max(1, min(IMAGES, PIXELS // pixels)),
            label="latents of images",
            quiet=self.quiet,
        )
