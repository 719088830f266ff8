"""How well an artifact stands in a search sorted by score: its best measured score, in a language that it was made for.

Different metrics cannot be compared, so the metric comes first and the value second: `ranking` is the rank of the
metric below minus the value brought into [0, 1). Lower stands higher. Behind stand scores that were not measured, and last
those that judge something else: a module's card also says what the base makes of English prompts, which is much better.
Standings are kept with the scores, so that the database finds the best one: see `hub.registry.scores.rows.headlines`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hub.languages import MULTILINGUAL
from hub.records import Provenance, Score

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
"""What a module is judged by, most telling first. All other metrics come after these."""
BASE_ALONE = "base_alone_"
"""Before the metrics of the raw prompt on the base, in a module's card."""
ENGLISH_BASE = "english_base_"
"""Before the metrics of the English prompts of the same concepts on the base."""
CONTROLS = (BASE_ALONE, ENGLISH_BASE, "english_drop_", "fid_floor", "judge_ceiling_")
"""How metrics begin that judge the base, the benchmark or its judge, so that a module's own scores can be read."""
FOREIGN_LANGUAGE = 100.0
"""Added to the ranking of a score in another language than the one asked for."""
UNMEASURED = 1000.0
"""From here on stands what nobody here has measured, or not of the artifact's own languages: it places no artifact."""
NEVER = 2000.0
"""From here on stands what judges something else: no line of a table shows it."""
_OTHERS = 10.0
"""Added to the ranking of an unmeasured score in a language that the artifact is not for."""
_TRUST = (Provenance.MEASURED, Provenance.REPORTED, Provenance.DISPUTED)
"""Most trusted first: a number that can be measured again speaks before one that somebody reports."""
_WHOLE = {"1": 1.0, "%": 100.0}
"""What a share of everything is called in each unit."""


def ranking(score: Score | ScoreRow, languages: Iterable[str]) -> float:
    """The place of one score of an artifact that is for `languages`."""
    if is_control(score):
        return NEVER
    others = is_foreign(score, languages)
    if others or score.provenance != Provenance.MEASURED:
        return UNMEASURED + others * _OTHERS + _TRUST.index(Provenance(score.provenance))
    rank = HEADLINES.index(score.metric) if score.metric in HEADLINES else len(HEADLINES)
    return rank - _merit(score)


def ranking_in(tag: str, scores: Iterable[tuple[str, float]]) -> float:
    """The place of an artifact among those for the language `tag`, from its scores' languages and rankings."""
    measured = ((language, place) for language, place in scores if place < UNMEASURED)
    return min(
        (place + (0.0 if language == tag else FOREIGN_LANGUAGE) for language, place in measured), default=UNMEASURED
    )


def is_control(score: Score | ScoreRow) -> bool:
    """Whether the score judges something else than the artifact whose card it is in."""
    return score.metric.startswith(CONTROLS)


def is_foreign(score: Score | ScoreRow, languages: Iterable[str]) -> bool:
    """Whether the score is of another language than those that its artifact is for; regions and scripts do not count."""
    own = {tag.partition("-")[0] for tag in languages}
    return bool(score.language) and MULTILINGUAL not in own and score.language.partition("-")[0] not in own


def _merit(score: Score | ScoreRow) -> float:
    """The value as a number in [0, 1) that grows with quality."""
    value = max(score.value, 0.0)
    if score.better == "down":
        return 0.999 / (1.0 + value)
    if score.unit in _WHOLE:
        return 0.999 * min(value / _WHOLE[score.unit], 1.0)
    return 0.999 * value / (1.0 + value)
