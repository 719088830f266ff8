"""Group and format scores."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from hub.cli.terminal import short_name
from hub.records import Artifact, Provenance, Score

_SHORT = {
    "r_precision_at_1": "R@1", "r_precision_at_10": "R@10", "recall_at_1": "recall@1", "recall_at_10": "recall@10",
    "clip_score": "CLIP", "fid": "FID", "text_accuracy": "accuracy",
}  # fmt: skip
"""Metric → its short name in lists. The order of lists is explained by the whole score in `hub show`."""


def format_value(score: Score) -> str:
    """Format a value with its unit and 95 % interval: `0.712 [0.66–0.76]`."""
    unit = "" if score.unit in {"", "1"} else f" {score.unit}"
    interval = (
        f" [{_bound(score.low)}–{_bound(score.high)}]" if score.low is not None and score.high is not None else ""
    )
    value = f"{score.value:,.0f}" if abs(score.value) >= 10_000 else f"{score.value:.4g}"
    return f"{value}{unit}{interval}"


def _bound(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"


def short_score(score: Score) -> str:
    """Format a score for a list: `R@1 0.84`, with its provenance unless this hub has reproduced it."""
    metric = _SHORT.get(score.metric, score.metric)
    unit = score.unit if score.unit == "%" else ""
    note = "" if score.provenance is Provenance.REPRODUCED else f" ({score.provenance.value})"
    return f"{metric} {score.value:.3g}{unit}{note}"


def format_score(score: Score) -> str:
    """Format a score: `r_precision_at_1 0.71 [0.66–0.76] on emoji-generation/seen, yo, reproduced`."""
    where = "/".join(filter(None, (score.benchmark, score.split)))
    language = f", {score.language}" if score.language else ""
    return f"{score.metric} {format_value(score)} on {where}{language}, {score.provenance}"


def as_json(score: Score) -> dict[str, Any]:
    """Return a score's fields, ready for `json.dumps`."""
    return asdict(score)


def print_record(artifact: Artifact, known: str, *, as_object: bool) -> None:
    """Print the score with this id and how it was measured. Raises UnknownScore."""
    from hub.registry.scores.scores import UnknownScore, score_id

    score = next((each for each in artifact.scores if score_id(each) == known), None)
    name = short_name(artifact.name)
    if score is None:
        raise UnknownScore(known, listing=f"hub show {name} --scores")
    if as_object:
        print(json.dumps({"artifact": str(artifact.name), "id": known, **as_json(score)}, ensure_ascii=False, indent=2))
        return
    facts = (
        ("score", f"{score.metric} {format_value(score)}, {'higher' if score.better == 'up' else 'lower'} is better"),
        ("artifact", name),
        ("benchmark", "/".join(filter(None, (score.benchmark, score.split, score.language)))),
        ("digest", score.benchmark_digest),
        ("base", score.base),
        ("n", "" if score.sample_size is None else f"{score.sample_size:,}"),
        ("seed", "" if score.seed is None else str(score.seed)),
        ("provenance", score.provenance.value),
        ("disputed", score.reason),
        ("source", score.source),
    )
    for label, value in facts:
        if value:
            print(f"{label:<14}{value}")
    if score.provenance is not Provenance.REPORTED:
        print(f"\nRepeat it with `hub rescore {name} --score {known}`.")
