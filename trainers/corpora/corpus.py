"""What a corpus is: texts in many languages, their English meaning, and images, with fixed splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Example:
    """One text to train on."""

    text: str
    language: str
    """BCP-47 tag."""
    concept: str
    """Id of what is meant; images have the same id."""
    meaning: str
    """The same in English, as the base would be prompted."""
    weight: float = 1.0
    """How often it is drawn, relative to the others of its language."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One text to be judged on."""

    text: str
    language: str
    concept: str
    meaning: str


class Corpus(Protocol):
    """Texts and images with fixed splits."""

    name: str
    base_splits: tuple[str, ...]
    """Splits one may be judged on."""

    @property
    def digest(self) -> str:
        """Identifies every row and split."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """BCP-47 tags with texts."""
        ...

    def examples(self, language: str) -> list[Example]:
        """All that may be trained on in one language: nothing held out, whatever the reason. Empty when there is nothing."""
        ...

    def prompts(self, language: str, split: str) -> list[Prompt]:
        """The texts of one split in one language, in a fixed order."""
        ...

    def gallery(self, split: str) -> list[Prompt]:
        """English prompts among which an image made for `split` must be recognised."""
        ...

    def images(self, concepts: Sequence[str]) -> Tensor:
        """(N, 3, H, W), uint8."""
        ...
