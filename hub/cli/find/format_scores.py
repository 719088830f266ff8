"""Group and format scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from typing import Any

from hub.records import Score


def format_value(score: Score) -> str:
    """Format a value with its unit and 95 % interval: `0.712 [0.66–0.76]`."""
    unit = "" if score.unit in {"", "1"} else f" {score.unit}"
    interval = f" [{score.low:.3g}–{score.high:.3g}]" if score.low is not None and score.high is not None else ""
    return f"{score.value:.4g}{unit}{interval}"


def format_score(score: Score) -> str:
    """Format a score: `r_precision_at_1 0.71 [0.66–0.76] on emoji-generation/seen, yo, reproduced`."""
    where = "/".join(filter(None, (score.benchmark, score.split)))
    language = f", {score.language}" if score.language else ""
    return f"{score.metric} {format_value(score)} on {where}{language}, {score.provenance}"


def group_scores(scores: Iterable[Score]) -> list[tuple[str, list[Score]]]:
    """Group scores by benchmark, split and language. Return titles with their scores, in the order of the card."""
    return [(title, list(members)) for title, members in groupby(scores, key=_title)]


def as_json(score: Score) -> dict[str, Any]:
    """Return a score's fields, ready for `json.dumps`."""
    return asdict(score)


def _title(score: Score) -> str:
    return ", ".join(filter(None, (score.benchmark, score.split, score.language)))
