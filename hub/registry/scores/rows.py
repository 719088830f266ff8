"""Read scores from rows, and find the score that represents an artifact in a list."""

# ruff: noqa: S608 - only bound parameters and numbers are put into SQL here.
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hub.records import Provenance, Score
from hub.registry.index.ranking import NEVER, UNMEASURED

if TYPE_CHECKING:
    from hub.registry.database.database import Database, ResultRow
    from hub.registry.tables.scores import EvaluationRow, ScoreRow

_QUESTION = ("metric", "benchmark", "benchmark_digest", "split", "language", "base")


def read_score(row: ResultRow) -> Score:
    """Convert a row of the table `scores`."""
    fields: dict[str, Any] = {key: row[key] for key in Score.__slots__}
    fields["provenance"] = Provenance(fields["provenance"])
    return Score(**fields)


def question_of(score: Score | ScoreRow | EvaluationRow) -> tuple[str, ...]:
    """Return what a score answers: scores with equal questions are about the same thing."""
    return tuple(getattr(score, name) for name in _QUESTION)


def without_repeated(scores: Sequence[Score]) -> tuple[Score, ...]:
    """Leave out an owner's claims that this hub has reproduced, in favour of the reproduced scores."""
    found = {question_of(score) for score in scores if score.provenance is Provenance.REPRODUCED}
    return tuple(
        score for score in scores if score.provenance is not Provenance.SELF_REPORTED or question_of(score) not in found
    )


def headlines(database: Database, ids: Sequence[int], language: str) -> dict[int, Score]:
    """Map artifact ids to the score that search sorts by and lists show; artifacts with controls only are left out.

    Reproduced scores come first, in `language` before others. A multilingual module has a thousand scores, so an index finds the best.
    """
    found: dict[int, Score] = {}
    narrowings = ("AND best.language = :language", "") if language else ("",)
    for limit, narrowed in ((limit, narrowed) for limit in (UNMEASURED, NEVER) for narrowed in narrowings):
        missing = [each for each in ids if each not in found]
        if not missing:
            break
        rows = database.rows(
            "SELECT scores.* FROM artifacts JOIN scores ON scores.artifact_id = artifacts.id AND scores.position = ("
            "SELECT best.position FROM scores AS best WHERE best.artifact_id = artifacts.id "
            f"AND best.ranking < {limit} {narrowed} ORDER BY best.ranking, best.position LIMIT 1) "
            f"WHERE artifacts.id IN ({', '.join(map(str, map(int, missing)))})",
            {"language": language} if narrowed else {},
        )
        found |= {row["artifact_id"]: read_score(row) for row in rows}
    return found
