"""Rank artifacts by their best reproduced score in a language that they were made for.

Values of different metrics cannot be compared, so artifacts are ordered by metric first and by value second: `ranking` is the
position of the metric in HEADLINES minus the value scaled to [0, 1). Lower is better. What this hub has not reproduced does not
rank an artifact, whatever its value, except among the curated cards, which come with linguahub: see docs/internals/scores.md.
Controls come last: a module's card also has the scores of the base for English prompts, which are much
better. Rankings are stored with the scores, so that an index finds the best one: see `hub.registry.scores.rows.headlines`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hub.languages import MULTILINGUAL
from hub.records import Provenance, Score
from hub.registry.index.tags import CURATED_OWNER
from hub.scores.metrics import COSTS, is_control

if TYPE_CHECKING:
    from hub.registry.tables.scores import ScoreRow

HEADLINES = (
    "r_precision_at_1",
    "recall_at_1",
    "r_precision_at_10",
    "recall_at_10",
    "text_accuracy",
    "clip_score",
    "fid",
)
"""Metrics of a module, most informative first. All other metrics rank after these."""
FOREIGN_LANGUAGE = 100.0
"""Added to the ranking of a score in another language than the requested one."""
CURATED_CLAIM = 200.0
"""Added to the ranking of what a curated card reports of itself: after everything reproduced, before all other artifacts."""
UNMEASURED = 1000.0
"""Minimum ranking of scores that only their owner vouches for, or in other languages than the artifact's. They do not rank
artifacts."""
NEVER = 2000.0
"""Ranking of controls and costs, which are never shown as the score of an artifact."""
_FOREIGN = 10.0
"""Added to the ranking of an unmeasured score in a language that the artifact was not made for."""
_TRUST = tuple(Provenance)
"""Most trusted first."""
_MAX_SHARE = {"1": 1.0, "%": 100.0}
"""Unit → maximum value of a share."""


def metric_place(metric: str) -> int:
    """Return the position of a metric among others: the most informative first, costs last."""
    if metric in HEADLINES:
        return HEADLINES.index(metric)
    return len(HEADLINES) + metric.startswith(COSTS)


def ranking(score: Score | ScoreRow, languages: Iterable[str], owner: str) -> float:
    """Return the ranking of one score of an artifact of `owner` for `languages`."""
    if is_control(score) or score.metric.startswith(COSTS):
        return NEVER
    foreign = is_foreign(score, languages)
    if foreign or not is_trusted(score, owner):
        return UNMEASURED + foreign * _FOREIGN + _TRUST.index(Provenance(score.provenance))
    rank = HEADLINES.index(score.metric) if score.metric in HEADLINES else len(HEADLINES)
    claimed = 0.0 if score.provenance == Provenance.REPRODUCED else CURATED_CLAIM
    return rank - _quality(score) + claimed


def is_trusted(score: Score | ScoreRow, owner: str) -> bool:
    """Return whether the value may order artifacts: this hub reproduced it, or it is a curated card's own."""
    if score.provenance == Provenance.REPRODUCED:
        return True
    return score.provenance == Provenance.SELF_REPORTED and owner == CURATED_OWNER


def ranking_in(tag: str, scores: Iterable[tuple[str, float]]) -> float:
    """Return the ranking of an artifact among those for the language `tag`, from the languages and rankings of its scores."""
    trusted = ((language, rank) for language, rank in scores if rank < UNMEASURED)
    return min(
        (rank + (0.0 if language == tag else FOREIGN_LANGUAGE) for language, rank in trusted), default=UNMEASURED
    )


def is_foreign(score: Score | ScoreRow, languages: Iterable[str]) -> bool:
    """Return whether the score is in a language that its artifact is not made for, ignoring regions and scripts."""
    own = {tag.partition("-")[0] for tag in languages}
    return bool(score.language) and MULTILINGUAL not in own and score.language.partition("-")[0] not in own


def _quality(score: Score | ScoreRow) -> float:
    """Scale the value to [0, 1), higher is better."""
    value = max(score.value, 0.0)
    if score.better == "down":
        return 0.999 / (1.0 + value)
    if score.unit in _MAX_SHARE:
        return 0.999 * min(value / _MAX_SHARE[score.unit], 1.0)
    return 0.999 * value / (1.0 + value)
