"""How well an artifact stands in a search sorted by score: its best measured score.

Different metrics cannot be compared, so the metric comes first and the value second: `standing` is the rank of the
metric below minus the value brought into [0, 1). Lower stands higher; scores that were not measured stand last.
"""

from __future__ import annotations

from hub.records import Provenance, Score

HEADLINES = (
    "r_precision_at_1",
    "recall_at_1",
    "r_precision_at_10",
    "recall_at_10",
    "text_accuracy",
    "clip_score",
    "fid",
)
"""What a module is judged by, most telling first. All other metrics come after these."""
FOREIGN_LANGUAGE = 100.0
"""Added to the standing of a score in another language than the one asked for."""
UNMEASURED = 1000.0
"""The standing of what nobody here has measured."""
_WHOLE = {"1": 1.0, "%": 100.0}
"""What a share of everything is called in each unit."""


def standing(score: Score) -> float:
    """The place of one score."""
    if score.provenance is not Provenance.MEASURED:
        return UNMEASURED
    rank = HEADLINES.index(score.metric) if score.metric in HEADLINES else len(HEADLINES)
    return rank - _merit(score)


def _merit(score: Score) -> float:
    """The value as a number in [0, 1) that grows with quality."""
    value = max(score.value, 0.0)
    if score.better == "down":
        return 0.999 / (1.0 + value)
    if score.unit in _WHOLE:
        return 0.999 * min(value / _WHOLE[score.unit], 1.0)
    return 0.999 * value / (1.0 + value)
