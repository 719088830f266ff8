"""The contents of a README.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hub.cards.licenses import Terms
from hub.conditioning import Conditioning
from hub.records import Score, Upstream

NAMESPACE = "linguahub"
"""The only key of the front matter that is not Hugging Face's."""
FILE = "README.md"
Place = tuple[str | int, ...]
"""Keys and indices that lead to a value of the front matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Front matter and prose of one artifact.

    Scores are kept grouped by benchmark, language, split and benchmark digest, as `model-index` groups them, so that a
    card read back equals the card that was written.
    """

    kind: str
    summary: str
    license: str
    """SPDX expression, or Hugging Face's id for a model licence."""
    languages: tuple[str, ...]
    """BCP-47 tags; only `mul` if it is not made for specific languages."""
    method: str = ""
    bases: tuple[str, ...] = ()
    """`base_model`: names in the registry or upstream repository ids."""
    encoder: str = ""
    """Name of the encoder that a module reads, or `a + b` for two."""
    conditioning: Conditioning | None = None
    """The input of a base's denoiser."""
    tags: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    upstream: tuple[Upstream, ...] = ()
    parameters: tuple[tuple[str, int], ...] = ()
    """Number of parameters by part, such as `("unet", 859520964)`."""
    gated: bool = False
    """Whether its terms must be accepted upstream before downloading."""
    terms: Terms = Terms()
    """Terms of its licence besides the identifier."""
    owner: str = ""
    """Owner of a curated card, if not `linguahub`."""
    aliases: tuple[str, ...] = ()
    """Other names of a base that people write, such as former upstream ids."""
    trained_languages: tuple[str, ...] = ()
    """BCP-47 tags of the prompts it was trained on, if these are not all of `languages`."""
    prose: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", _group(self.scores))


def _group(scores: Iterable[Score]) -> tuple[Score, ...]:
    groups: dict[tuple[str, ...], list[Score]] = {}
    for score in scores:
        key = (score.benchmark, score.language, score.split, score.benchmark_digest)
        groups.setdefault(key, []).append(score)
    return tuple(score for group in groups.values() for score in group)
