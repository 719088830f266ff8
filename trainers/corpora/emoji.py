"""The corpus `emoji`: Unicode's emoji names in 105 languages, with images and fixed splits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from trainers.corpora.corpus import Example, Prompt
from trainers.corpora.crop import Crop, cut
from trainers.corpora.emoji_dataset import Name, World
from trainers.corpora.image_sizes import Sizes
from trainers.loop.sampler import generator_of

SHARE_OF_ROLE = {"base": 1.0, "tone": 0.25, "flag": 0.4}
"""Sampling weight of a concept by role: skin tones repeat their parents, flags repeat one word."""
ENRICHED = ((0.10, "{name}, {words}"), (0.10, "{words}, {name}"), (0.15, "{words}"))
"""Share and format of the texts with keywords; the rest is the name, unchanged or in lower case."""

HELD_OUT = "held-out"
"""Split of the names that no module was trained on: those of `pairs`, or of `languages` where the whole language is held out."""


class EmojiCorpus:
    """The corpus `emoji`; its parquet files are read on first use."""

    name = "emoji"
    base_splits = ("seen", "validation", "pairs", "languages", "combinations", HELD_OUT)
    has_images = True
    unreadable = frozenset[str]()

    def __init__(self, folder: Path | None = None, seed: int = 0) -> None:
        """Open the dataset in `folder`, or the committed one. Raises `DamagedFile` if it is missing."""
        self._world = World(folder)
        self._seed = seed

    @property
    def digest(self) -> str:
        """SHA-256 of all rows."""
        return self._world.digest

    @property
    def languages(self) -> tuple[str, ...]:
        """All 105 languages."""
        return tuple(self._world.languages)

    def examples(self, language: str) -> list[Example]:
        """Return the names in split `seen` of base emoji, skin tones and flags, also with some of their keywords."""
        english = self._english
        examples: list[Example] = []
        for name in self._world.named(language):
            role = self._world.concepts[name.concept]["role"]
            if name.split == "seen" and role in SHARE_OF_ROLE and name.concept in english:
                examples += self._texts_of(name, english[name.concept], SHARE_OF_ROLE[role])
        return examples

    def prompts(self, language: str, split: str) -> list[Prompt]:
        """Return the names of a split; only base emoji except for `combinations`, so that the other splits share a gallery."""
        english = self._english
        wanted = {"pairs", "languages"} if split == HELD_OUT else {split}
        return [
            Prompt(name.name, language, name.concept, english[name.concept])
            for name in self._world.named(language)
            if name.split in wanted and name.concept in english and self._in_gallery(name.concept, split)
        ]

    def gallery(self, split: str) -> list[Prompt]:
        """Return the English names of base emoji; for `combinations` also of skin tones and flags."""
        english = self._english
        return [
            Prompt(english[concept], "en", concept, english[concept])
            for concept in self._world.concepts
            if concept in english and self._in_gallery(concept, split)
        ]

    def images(self, concepts: Sequence[str]) -> Tensor:
        """Return the images of the concepts, (N, 3, 64, 64), uint8."""
        return torch.stack([self._world.image(concept) for concept in concepts])

    def sizes(self, concepts: Sequence[str]) -> Sizes:
        """Return 64 × 64 for each image."""
        return np.full((len(concepts), 2), 64, np.int32)

    def crops(self, concepts: Sequence[str], crops: Sequence[Crop]) -> Tensor:
        """Return a crop of the image of each concept, (N, 3, H, W), uint8."""
        images = (Image.fromarray(self._world.image(concept).permute(1, 2, 0).numpy()) for concept in concepts)
        cuts = [cut(image, crop) for image, crop in zip(images, crops, strict=True)]
        return torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2)

    @cached_property
    def _english(self) -> dict[str, str]:
        return {name.concept: name.name for name in self._world.named("en")}

    def _in_gallery(self, concept: str, split: str) -> bool:
        role = self._world.concepts[concept]["role"]
        return role in SHARE_OF_ROLE if split == "combinations" else role == "base"

    def _texts_of(self, name: Name, meaning: str, weight: float) -> list[Example]:
        """Return the variants of a name, with weights that sum to `weight`."""
        texts: dict[str, float] = {}
        if name.keywords:
            generator = generator_of(self._seed, "texts", name.language, name.concept)
            for share, shape in ENRICHED:
                order = torch.randperm(len(name.keywords), generator=generator).tolist()
                words = ", ".join(name.keywords[place] for place in order[:3])
                text = shape.format(name=name.name, words=words)
                texts[text] = texts.get(text, 0.0) + share
        rest = 1.0 - sum(texts.values())
        for text in (name.name, name.name.lower()):
            texts[text] = texts.get(text, 0.0) + rest / 2
        return [Example(text, name.language, name.concept, meaning, weight * share) for text, share in texts.items()]
