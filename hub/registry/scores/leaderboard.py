"""Leaderboards: the scores of one metric, scale and provenance on a benchmark, best first."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hub.names import ArtifactName
from hub.records import DATASET, Provenance, Query, Score
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.scores.by_metric import metric_filter
from hub.registry.scores.rows import read_score
from hub.registry.scores.scores import score_id

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_ENTRIES = 1000
"""Maximum number of entries of a leaderboard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardQuery:
    """The scores to compare. Empty fields do not filter."""

    benchmark: str
    metric: str
    language: str = ""
    split: str = ""
    base: str = ""
    provenance: str = Provenance.REPRODUCED
    readers: tuple[str, ...] | None = None
    """Owners whose private artifacts are included, as in `Query`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardEntry:
    """One entry of a leaderboard."""

    rank: int
    """1 for the best value; equal values have the same rank."""
    is_tied: bool
    """Whether its confidence interval overlaps that of the best value."""
    artifact: ArtifactName
    author: str
    """The account that published the score; empty for a score of the card."""
    disputes: int
    """Number of accounts that dispute the score."""
    score: Score


def leaderboard(database: Database, contest: LeaderboardQuery, limit: int) -> tuple[list[LeaderboardEntry], int]:
    """Return the best entries, which have the same unit and direction, and the number of scores in any unit."""
    query = Query(
        metric=contest.metric, benchmark=contest.benchmark, split=contest.split, provenance=contest.provenance
    )
    score_filter = metric_filter(database, query, (contest.language,) if contest.language else ())
    if not score_filter.ranges:
        return [], 0
    values, joined = dict(score_filter.values), "scores JOIN artifacts ON artifacts.id = scores.artifact_id"
    conditions = ["scores.base = :base"] if contest.base else []
    values |= {"base": contest.base} if contest.base else {}
    is_open = contest.readers is None or not database.rows("SELECT 1 FROM artifacts WHERE private = TRUE LIMIT 1")
    if not is_open:
        condition, more = visibility_condition(contest.readers)
        conditions.append(f"(NOT private OR {condition})")
        values |= more
    where = f"WHERE {' AND '.join([*conditions, ''])}"
    counted = replace(score_filter, scale="")  # Units are in no index, so counting one would read every row.
    counts = counted.union_ranges(f"SELECT count(*) AS number FROM {'scores' if is_open else joined} {where}", "")
    total = int(database.rows(f"SELECT sum(number) FROM {counts}", values)[0][0])
    order = f"ORDER BY value {score_filter.best_first}, key, position LIMIT :limit"
    best = score_filter.union_ranges(f"SELECT scores.artifact_id, position, value, key FROM {joined} {where}", order)
    rows = database.rows(
        f"SELECT scores.*, artifacts.owner, artifacts.name, artifacts.kind FROM (SELECT * FROM {best} {order}) AS best "
        "JOIN scores ON scores.artifact_id = best.artifact_id AND scores.position = best.position "
        f"JOIN artifacts ON artifacts.id = best.artifact_id ORDER BY best.value {score_filter.best_first}, best.key, best.position",
        {**values, "limit": limit},
    )
    scores = [read_score(row) for row in rows]
    disputes = _count_disputes(database, [row["artifact_id"] for row in rows])
    found = list[LeaderboardEntry]()
    for number, (row, score) in enumerate(zip(rows, scores, strict=True)):
        rank = found[-1].rank if found and found[-1].score.value == score.value else number + 1
        found.append(
            LeaderboardEntry(
                rank=rank,
                is_tied=_overlap(score, scores[0]),
                artifact=ArtifactName(row["owner"], row["name"], row["kind"] == DATASET),
                score=score,
                author=row["author"],
                disputes=disputes.get((row["artifact_id"], score_id(score)), 0),
            )
        )
    return found, total


def _overlap(score: Score, best: Score) -> bool:
    """Return whether the confidence intervals overlap, or the values are equal if there are no intervals."""
    if score.low is None or score.high is None or best.low is None or best.high is None:
        return score.value == best.value
    return score.low <= best.high and best.low <= score.high


def _count_disputes(database: Database, ids: Sequence[int]) -> dict[tuple[int, str], int]:
    among, values = database.in_list("artifact_id", ids, "ids")
    rows = database.rows(
        f"SELECT artifact_id, score, count(*) AS number FROM disputes WHERE {among} GROUP BY artifact_id, score", values
    )
    return {(row["artifact_id"], row["score"]): row["number"] for row in rows}
