"""Derive parity from the scores of an artifact: the share of the base's English score that is reached in another language.

A parity needs two scores of one card with the same benchmark digest, split, metric (with its judge), n and seed: the score in the
language, and the base's score for English prompts. `english_base_X` is the latter; in the card of a base, X in English is, too. A score
`parity_X`, whose interval comes from pairs of images, is taken as it is.

Parities are stored when scores are, with a text that names their *cell* of the map. So the map reads one range of one index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Any

from hub.names import ArtifactName
from hub.records import Provenance, Score
from hub.scores.metrics import BASE_ALONE, COSTS, ENGLISH_BASE, PARITY, is_control
from hub.scores.setting import setting_of

SEPARATOR = "\x1f"
"""Between the parts of a cell."""
TRANSLATE = "translate"
"""The method whose module translates the prompt into English."""
_ENGLISH = "en"


class Source(StrEnum):
    """The reader of the prompt."""

    RAW = "raw"
    """The base alone."""
    TRANSLATED = "translated"
    """The base, after a translation into English."""
    MODULE = "module"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """One parity of an artifact."""

    position: int
    """That of the score in the language."""
    cell: str
    """Base, trial, language and source, as `cell_of` joins them."""
    rank: float
    """Lower is better: the most trusted provenance first, then the best value, or the largest n for the base alone."""
    value: float
    low: float | None
    high: float | None
    english: float | None
    """The base's English score; None for a score that is a parity."""
    provenance: str
    """The less trusted one of both scores."""


def cell_of(*parts: str) -> str:
    """Join the parts of a cell. No part contains the separator."""
    return SEPARATOR.join(each.replace(SEPARATOR, " ") for each in parts)


def derive_parities(
    scores: Sequence[tuple[int, Score]], name: ArtifactName, kind: str, method: str, *, is_curated: bool
) -> Iterator[Parity]:
    """Yield the parities that an artifact's `scores`, given with their positions, contain. Disputed scores have none."""
    trusted = [(position, each) for position, each in scores if each.provenance != Provenance.DISPUTED]
    least_first = sorted((each for _, each in trusted), key=lambda each: -[*Provenance].index(each.provenance))
    english = {
        _key(each, metric, each.language): each for each in least_first if (metric := _after(each, ENGLISH_BASE))
    }
    if kind == "base":
        english |= {_key(each, each.metric, ""): each for each in least_first if each.language == _ENGLISH}
    given = {_key(each, metric, each.language) for _, each in trusted if (metric := _after(each, PARITY))}
    own = Source.RAW if kind == "base" else Source.TRANSLATED if method == TRANSLATE else Source.MODULE
    own_base = (name.name if is_curated else str(name)) if kind == "base" else ""
    for position, score in trusted:
        base = score.base or own_base
        if not base or score.language in {"", _ENGLISH} or score.better != "up":
            continue
        raw, against = _after(score, BASE_ALONE), None
        metric, source = raw or _after(score, PARITY) or score.metric, Source.RAW if raw else own
        if not score.metric.startswith(PARITY):
            key = _key(score, metric, score.language)
            against = english.get(key) or english.get(_key(score, metric, ""))
            is_about_it = raw or not (is_control(score) or score.metric.startswith(COSTS))
            if not is_about_it or against is None or against.value <= 0 or (not raw and key in given):
                continue
        provenance = max((score.provenance, (against or score).provenance), key=[*Provenance].index)
        value = score.value / against.value if against else score.value
        low, high = ratio_interval(score, against) if against else (score.low, score.high)
        detail = 1 / (1 + (score.sample_size or 0)) if source is Source.RAW else 1 / (2 + max(value, 0.0))
        setting = setting_of(score)
        yield Parity(
            position=position,
            cell=cell_of(
                base, metric, score.benchmark, score.benchmark_digest, score.split, setting, score.language, source
            ),
            rank=_trust(provenance, is_curated=is_curated) + detail,
            value=value, low=low, high=high, english=against.value if against else None, provenance=provenance.value,
        )  # fmt: skip


def ratio_interval(score: Score, against: Score) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the ratio of two scores from their own intervals, or two None if it cannot be computed.

    This is MOVER-R (Newcombe 2016, Statistical Methods in Medical Research 25), which takes both for independent. They are about the
    same prompts, so the true interval is usually narrower.
    """
    one, low, high = score.value, score.low, score.high
    two, least, most = against.value, against.low, against.high
    if low is None or high is None or least is None or most is None or least <= 0 or most >= 2 * two:
        return None, None
    product = one * two
    below = max(product**2 - low * most * (2 * one - low) * (2 * two - most), 0.0)
    above = max(product**2 - high * least * (2 * one - high) * (2 * two - least), 0.0)
    return (
        max((product - sqrt(below)) / (most * (2 * two - most)), 0.0),
        (product + sqrt(above)) / (least * (2 * two - least)),
    )


def _trust(provenance: Provenance, *, is_curated: bool) -> float:
    """Return 0, 10, 20 or 30: reproduced, self-reported by a curated card, self-reported by others, reported."""
    places = {Provenance.REPRODUCED: 0, Provenance.SELF_REPORTED: 1 if is_curated else 2}
    return 10.0 * places.get(provenance, 3)


def _after(score: Score, prefix: str) -> str:
    """Return a metric without its prefix; empty if it has another one."""
    return score.metric.removeprefix(prefix) if score.metric.startswith(prefix) else ""


def _key(score: Score, metric: str, language: str) -> tuple[Any, ...]:
    """Return what must be equal for two scores to make a parity. `language`: empty for a base's own English prompts."""
    return (
        metric, score.benchmark, score.benchmark_digest, score.split, score.unit, score.base, score.sample_size, score.seed, language,
    )  # fmt: skip
