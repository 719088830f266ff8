"""How well an artifact stands in a search sorted by score: its best measured score, in a language that it was made for.

Different metrics cannot be compared, so the metric comes first and the value second: `standing` is the rank of the
metric below minus the value brought into [0, 1). Lower stands higher. Last stand scores that were not measured, and
those that judge something else: a module's card also says what the base makes of English prompts, which is much better.
"""

from __future__ import annotations

from collections.abc import Iterable

from hub.languages import MULTILINGUAL
from hub.records import Artifact, Provenance, Score

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
"""Added to the standing of a score in another language than the one asked for."""
UNMEASURED = 1000.0
"""The standing of what nobody here has measured, or not of the artifact itself."""
TRUST = (Provenance.MEASURED, Provenance.REPORTED, Provenance.DISPUTED)
"""Most trusted first: a number that can be measured again speaks before one that somebody reports."""
_WHOLE = {"1": 1.0, "%": 100.0}
"""What a share of everything is called in each unit."""


def standing(score: Score, languages: Iterable[str]) -> float:
    """The place of one score of an artifact that is for `languages`."""
    if score.provenance is not Provenance.MEASURED or is_control(score) or is_foreign(score, languages):
        return UNMEASURED
    rank = HEADLINES.index(score.metric) if score.metric in HEADLINES else len(HEADLINES)
    return rank - _merit(score)


def standing_in(tag: str, scores: Iterable[tuple[str, float]]) -> float:
    """The place of an artifact among those for the language `tag`, from its scores' languages and standings."""
    return min(
        (place if language == tag or place >= UNMEASURED else place + FOREIGN_LANGUAGE for language, place in scores),
        default=UNMEASURED,
    )


def headline(artifact: Artifact, language: str = "") -> Score | None:
    """The one score that a line of a table shows: the one that search sorts by; None when there are only controls.

    Where nothing was measured, a reported score comes before a disputed one, in the order of the card.
    """

    def place(score: Score) -> tuple[float, bool, int]:
        unasked = FOREIGN_LANGUAGE if language and score.language != language else 0.0
        is_last = is_foreign(score, artifact.languages)
        return standing(score, artifact.languages) + unasked, is_last, TRUST.index(score.provenance)

    return min((score for score in artifact.scores if not is_control(score)), key=place, default=None)


def is_control(score: Score) -> bool:
    """Whether the score judges something else than the artifact whose card it is in."""
    return score.metric.startswith(CONTROLS)


def is_foreign(score: Score, languages: Iterable[str]) -> bool:
    """Whether the score is of another language than those that its artifact is for; regions and scripts do not count."""
    own = {tag.partition("-")[0] for tag in languages}
    return bool(score.language) and MULTILINGUAL not in own and score.language.partition("-")[0] not in own


def _merit(score: Score) -> float:
    """The value as a number in [0, 1) that grows with quality."""
    value = max(score.value, 0.0)
    if score.better == "down":
        return 0.999 / (1.0 + value)
    if score.unit in _WHOLE:
        return 0.999 * min(value / _WHOLE[score.unit], 1.0)
    return 0.999 * value / (1.0 + value)
