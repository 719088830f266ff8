"""What a README.md says about an artifact, to people and to the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hub.records import Conditioning, Score, Upstream

NAMESPACE = "linguahub"
"""The one key of the front matter that is ours; the others are Hugging Face's."""
FILE = "README.md"


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
    """BCP-47 tags; `mul` alone when it was made for no one language."""
    method: str = ""
    bases: tuple[str, ...] = ()
    """`base_model`: names in the registry or upstream repository ids."""
    encoder: str = ""
    """What a module reads: a name, or `a + b` for two side by side."""
    conditioning: Conditioning | None = None
    """Of a base: what its denoiser reads."""
    tags: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    upstream: tuple[Upstream, ...] = ()
    parameters: tuple[tuple[str, int], ...] = ()
    """Numbers of weights by part that is loaded, `("unet", 859520964)`: times the bytes of a type, its memory."""
    gated: bool = False
    """Whether upstream asks for agreement to its terms before it hands out files."""
    owner: str = ""
    """Of a curated card that does not belong to `linguahub`."""
    prose: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", _grouped(self.scores))


def _grouped(scores: Iterable[Score]) -> tuple[Score, ...]:
    groups: dict[tuple[str, ...], list[Score]] = {}
    for score in scores:
        key = (score.benchmark, score.language, score.split, score.benchmark_digest)
        groups.setdefault(key, []).append(score)
    return tuple(score for group in groups.values() for score in group)
