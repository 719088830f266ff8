"""What modules are trained and judged on: texts in many languages, their English meaning, and pictures.

Another package adds a corpus through the entry-point group `hub.corpora`:

    [project.entry-points."hub.corpora"]
    recipes = "my_package.recipes:RecipeCorpus"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from hub.errors import Unknown
from hub.plugins import load, names

if TYPE_CHECKING:
    from torch import Tensor

    from trainers.corpora.captioned import Columns

GROUP = "hub.corpora"
CORPORA = {"emoji": "trainers.corpora.emoji:EmojiCorpus"}
"""Name → `module:class` of those that come with the project."""


class UnknownCorpus(Unknown):
    """No corpus has this name."""

    noun = "corpus"
    listing = "hub train --help"


@dataclass(frozen=True, slots=True)
class Example:
    """One text to train on."""

    text: str
    language: str
    """BCP-47 tag."""
    concept: str
    """Id of what is meant; pictures have the same id."""
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
    """Texts and pictures with fixed splits."""

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
        """English prompts among which a picture made for `split` must be recognised."""
        ...

    def pictures(self, concepts: Sequence[str]) -> Tensor:
        """(N, 3, H, W), uint8."""
        ...


def open_corpus(name: str, columns: Columns | None = None, side: int = 64) -> Corpus:
    """The corpus called `name`; or captioned pictures of `side` pixels in that folder, file or data set `owner/name`.

    Raises UnknownCorpus with near names.
    """
    is_place = "/" in name or Path(name).exists()
    if name in names(GROUP, CORPORA) or not is_place:
        return cast(Corpus, load(GROUP, name, CORPORA, unknown=UnknownCorpus)())
    from trainers.corpora import captioned

    return captioned.CaptionedCorpus(name, columns or captioned.Columns(), side)
