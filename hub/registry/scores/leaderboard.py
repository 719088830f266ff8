"""Who leads on a benchmark: scores of one metric, one provenance, the best first, each with its interval."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.names import ArtifactName
from hub.records import Provenance, Query, Score
from hub.registry.accounts.visibility import owned
from hub.registry.scores.by_metric import metric_filter
from hub.registry.scores.rows import read_score
from hub.registry.scores.scores import score_id

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_PLACES = 1000
"""Rows, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What is compared. Empty fields do not restrict."""

    benchmark: str
    metric: str
    language: str = ""
    split: str = ""
    base: str = ""
    provenance: str = Provenance.MEASURED
    readers: tuple[str, ...] | None = None
    """As in `Query`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One line of a leaderboard."""

    rank: int
    """1 for the best value. Equal values have equal ranks."""
    is_tied: bool
    """Whether its interval reaches the best one's, so that the two cannot be told apart."""
    artifact: ArtifactName
    author: str
    """The account that published it; empty when the card says so."""
    disputes: int
    """How many people dispute it."""
    score: Score


def leaderboard(database: Database, contest: Contest, limit: int) -> tuple[list[Place], int]:
    """The first places, and how many scores there are in all."""
    query = Query(
        metric=contest.metric, benchmark=contest.benchmark, split=contest.split, provenance=contest.provenance
    )
    bound = metric_filter(database, query, (contest.language,) if contest.language else ())
    if not bound.ranges:
        return [], 0
    values, joined = dict(bound.values), "scores JOIN artifacts ON artifacts.id = scores.artifact_id"
    conditions = ["scores.base = :base"] if contest.base else []
    values |= {"base": contest.base} if contest.base else {}
    is_open = contest.readers is None or not database.rows("SELECT 1 FROM artifacts WHERE private = TRUE LIMIT 1")
    if not is_open:
        condition, more = owned(contest.readers)
        conditions.append(f"(NOT private OR {condition})")
        values |= more
    where = f"WHERE {' AND '.join([*conditions, ''])}"
    counts = bound.of_each_range(f"SELECT count(*) AS number FROM {'scores' if is_open else joined} {where}", "")
    total = int(database.rows(f"SELECT sum(number) FROM {counts}", values)[0][0])
    order = f"ORDER BY value {bound.best_first}, key, position LIMIT :limit"
    best = bound.of_each_range(f"SELECT scores.artifact_id, position, value, key FROM {joined} {where}", order)
    rows = database.rows(
        f"SELECT scores.*, artifacts.owner, artifacts.name FROM (SELECT * FROM {best} {order}) AS best "
        "JOIN scores ON scores.artifact_id = best.artifact_id AND scores.position = best.position "
        f"JOIN artifacts ON artifacts.id = best.artifact_id ORDER BY best.value {bound.best_first}, best.key, best.position",
        {**values, "limit": limit},
    )
    said = [(ArtifactName(row["owner"], row["name"]), read_score(row), row["author"]) for row in rows]
    disputes = _disputes(database, [row["artifact_id"] for row in rows])
    found = list[Place]()
    for number, (row, (artifact, score, author)) in enumerate(zip(rows, said, strict=True)):
        rank = found[-1].rank if found and found[-1].score.value == score.value else number + 1
        counted = disputes.get((row["artifact_id"], score_id(score)), 0)
        found.append(
            Place(
                rank=rank,
                is_tied=_reaches(score, said[0][1]),
                artifact=artifact,
                score=score,
                author=author,
                disputes=counted,
            )
        )
    return found, total


def _reaches(score: Score, best: Score) -> bool:
    """Whether the intervals overlap; without intervals, whether the values are equal."""
    if score.low is None or score.high is None or best.low is None or best.high is None:
        return score.value == best.value
    return score.low <= best.high and best.low <= score.high


def _disputes(database: Database, ids: Sequence[int]) -> dict[tuple[int, str], int]:
    among, values = database.in_list("artifact_id", ids, "ids")
    rows = database.rows(
        f"SELECT artifact_id, score, count(*) AS number FROM disputes WHERE {among} GROUP BY artifact_id, score", values
    )
    return {(row["artifact_id"], row["score"]): row["number"] for row in rows}
