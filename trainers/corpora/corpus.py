"""The interface of a corpus: texts in many languages, their English meaning, and images, with fixed splits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, overload, runtime_checkable

import numpy as np
from torch import Tensor

from trainers.corpora.crop import Crop
from trainers.corpora.text_columns import Column, Indices


@dataclass(frozen=True, slots=True)
class Example:
    """A text to train on."""

    text: str
    language: str
    """BCP-47 tag."""
    concept: str
    """Id of the concept; its image has the same id."""
    meaning: str
    """The meaning in English, as a prompt for the base."""
    weight: float = 1.0
    """Sampling weight, relative to the other examples of its language."""
    native: bool = False
    """Whether it is not a translation of its meaning, which may be empty: losses that compare it with English skip it."""


@dataclass(frozen=True, slots=True)
class ExampleRows(Sequence[Example]):
    """The examples of a language, as rows of columns on disk; each is an object only while it is used."""

    language: str
    rows_N: Indices
    """Indices into the columns. Examples with the same index, in any language, have the same meaning and image."""
    texts: Column
    meanings: Column
    concepts: Column
    native_N: np.ndarray[Any, np.dtype[np.bool_]]

    def __len__(self) -> int:
        return len(self.rows_N)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> ExampleRows: ...
    def __getitem__(self, index: int | slice) -> Example | ExampleRows:
        if isinstance(index, slice):
            some = self.rows_N[index], self.texts, self.meanings, self.concepts, self.native_N[index]
            return ExampleRows(self.language, *some)
        row, native = int(self.rows_N[index]), bool(self.native_N[index])
        return Example(self.texts[row], self.language, self.concepts[row], self.meanings[row], native=native)

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text to evaluate on."""

    text: str
    language: str
    concept: str
    meaning: str


class Corpus(Protocol):
    """Texts and images with fixed splits."""

    name: str
    base_splits: tuple[str, ...]
    """Splits for evaluation."""
    has_images: bool
    """Whether it has images beside its texts."""

    @property
    def digest(self) -> str:
        """A digest of every row and split."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP-47 tags with texts."""
        ...

    @property
    def unreadable(self) -> Collection[str]:
        """Concepts whose images turned out unreadable; they are not trained on."""
        ...

    def examples(self, language: str) -> Sequence[Example]:
        """Return all examples to train on in a language, without any held-out text; may be empty.

        For a large corpus, they are `ExampleRows`, which training reads without creating an object for each.
        """
        ...

    def prompts(self, language: str, split: str) -> list[Prompt]:
        """Return the texts of a split in a language, in a fixed order; may be empty."""
        ...

    def gallery(self, split: str) -> list[Prompt]:
        """Return the English prompts among which an image generated for `split` must be recognised."""
        ...

    def images(self, concepts: Sequence[str]) -> Tensor:
        """Return the images of the concepts, (N, 3, H, W), uint8."""
        ...


@runtime_checkable
class Croppable(Protocol):
    """A corpus that provides the sizes and crops of its images."""

    def sizes(self, concepts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int32]]:
        """Return height and width (N, 2) in pixels of the images of the concepts; 0 of unreadable ones."""
        ...

    def crops(self, concepts: Sequence[str], crops: Sequence[Crop]) -> Tensor:
        """Return a crop of the image of each concept, (N, 3, H, W), uint8, all of one size."""
        ...
