"""How scores are chosen, worded and written as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from hub.records import Provenance, Score

TRUST = (Provenance.MEASURED, Provenance.REPORTED, Provenance.DISPUTED)
"""Most trusted first: a number that can be measured again speaks before one that somebody reports."""


def headline(scores: Iterable[Score], language: str = "") -> Score | None:
    """The one score that a line of a table shows.

    Trust decides first, then whether it is about the wanted language, then the order in which the card lists its scores:
    an author puts the most telling one first.
    """
    return min(scores, key=lambda score: (TRUST.index(score.provenance), bool(language) and score.language != language), default=None)


def number(score: Score) -> str:
    """`0.712 [0.66–0.76]`: the value with its unit and its 95 % interval."""
    unit = "" if score.unit in {"", "1"} else f" {score.unit}"
    interval = f" [{score.low:.3g}–{score.high:.3g}]" if score.low is not None and score.high is not None else ""
    return f"{score.value:.4g}{unit}{interval}"


def sentence(score: Score) -> str:
    """`r_precision_at_1 0.71 [0.66–0.76] on emoji-generation/seen, yo, measured`."""
    where = "/".join(part for part in (score.benchmark, score.split) if part)
    language = f", {score.language}" if score.language else ""
    return f"{score.metric} {number(score)} on {where}{language}, {score.provenance}"


def as_json(score: Score) -> dict[str, Any]:
    """All fields of a score, ready for `json.dumps`."""
    return asdict(score)
