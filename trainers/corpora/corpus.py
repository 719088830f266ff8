"""The interface of a corpus: texts in many languages, their English meaning, and images, with fixed splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


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

    @property
    def digest(self) -> str:
        """A digest of every row and split."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP-47 tags with texts."""
        ...

    def examples(self, language: str) -> list[Example]:
        """Return all examples to train on in a language, without any held-out text; may be empty."""
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
