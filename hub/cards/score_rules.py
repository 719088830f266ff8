"""Refuse scores that cannot be true, wherever they come from: a card, a commit or the API."""

from __future__ import annotations

import re

from hub.records import Score

SPLIT_SIZES = {
    "16706f8f05e18ce1ca55e4101f0bec380bcc0d82f2dbe0904a62d0fec14a3a4a": {
        "seen": 1176, "validation": 1176, "pairs": 1176, "languages": 1176, "combinations": 2092, "held-out": 1176,
    },
}  # fmt: skip
"""Benchmark digest → split → most prompts or images that a score can be about: the gallery. Tested against the corpora."""
_SHARES = re.compile(
    r"((?!parity_|english_drop_)(.+_)?(r_precision|recall)_at_\d+(_mean)?|mean_recall(_mean)?|text_accuracy|text_similarity|"
    r"culture_score|pixel_nearest_at_\d+)(\[.*\])?"
)
"""Metrics that are shares, with or without a judge. Parity can be above 1, and a drop below 0."""
_WHOLE = {"": 1.0, "1": 1.0, "%": 100.0}
"""Unit → the value of everything."""


def score_problems(score: Score) -> list[str]:
    """Return the reasons why a score is impossible; empty if it is possible."""
    problems = []
    n, most = score.sample_size, SPLIT_SIZES.get(score.benchmark_digest, {}).get(score.split)
    if n is not None and n < 1:
        problems.append(f"n is {n}, but a score needs at least one sample")
    elif n is not None and most is not None and n > most and not _is_pooled(score):
        problems.append(f"n is {n}, but split `{score.split}` has {most}")
    low, high = score.low, score.high
    if not (low is None or low <= score.value) or not (high is None or score.value <= high):
        ends = " to ".join("?" if end is None else f"{end:g}" for end in (low, high))
        problems.append(f"the value {score.value:g} is outside its interval, {ends}")
    whole = _WHOLE.get(score.unit)
    if whole is not None and _SHARES.fullmatch(score.metric) and not 0 <= score.value <= whole:
        problems.append(f"the value {score.value:g} is not a share of {whole:g}")
    return problems


def _is_pooled(score: Score) -> bool:
    """Return whether a score is a mean over several languages, each of which has the whole gallery, maybe with several seeds."""
    return not score.language and score.metric.endswith("_mean")
