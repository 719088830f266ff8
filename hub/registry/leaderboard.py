"""Who leads on a benchmark: scores of one metric, one provenance, the best first, each with its interval."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.names import ArtifactName
from hub.records import Provenance, Score
from hub.registry.rows import read_score
from hub.registry.scores import score_id

if TYPE_CHECKING:
    from hub.registry.database import Database

LONGEST = 1000
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
    score: Score
    author: str
    """The account that published it; empty when the card says so."""
    doubts: int
    """How many people dispute it."""


def leaderboard(database: Database, contest: Contest, limit: int) -> tuple[list[Place], int]:
    """The first places, and how many scores there are in all."""
    values = {"benchmark": contest.benchmark, "metric": contest.metric, "provenance": str(contest.provenance)}
    conditions = [f"scores.{name} = :{name}" for name in values]
    for name in ("language", "split", "base"):
        if wanted := getattr(contest, name):
            conditions.append(f"scores.{name} = :{name}")
            values[name] = wanted
    if contest.readers is not None:
        names = {f"reader_{number}": owner for number, owner in enumerate(contest.readers)}
        mine = f" OR lower(owner) IN ({', '.join(f':{name}' for name in names)})" if names else ""
        conditions.append(f"(NOT private{mine})")
        values |= names
    where = f"FROM scores JOIN artifacts ON artifacts.id = scores.artifact_id WHERE {' AND '.join(conditions)}"
    better = database.rows(f"SELECT better {where} LIMIT 1", values)
    if not better:
        return [], 0
    order = "ASC" if better[0][0] == "down" else "DESC"
    total = int(database.rows(f"SELECT count(*) {where}", values)[0][0])
    rows = database.rows(
        f"SELECT scores.*, owner, name {where} ORDER BY value {order}, key, position LIMIT :limit",
        {**values, "limit": limit},
    )
    said = [(ArtifactName(row["owner"], row["name"]), read_score(row), row["author"]) for row in rows]
    doubts = _doubts(database, [row["artifact_id"] for row in rows])
    found = list[Place]()
    for number, (row, (artifact, score, author)) in enumerate(zip(rows, said, strict=True)):
        rank = found[-1].rank if found and found[-1].score.value == score.value else number + 1
        counted = doubts.get((row["artifact_id"], score_id(score)), 0)
        found.append(
            Place(
                rank=rank,
                is_tied=_reaches(score, said[0][1]),
                artifact=artifact,
                score=score,
                author=author,
                doubts=counted,
            )
        )
    return found, total


def _reaches(score: Score, best: Score) -> bool:
    """Whether the intervals overlap; without intervals, whether the values are equal."""
    if score.low is None or score.high is None or best.low is None or best.high is None:
        return score.value == best.value
    return score.low <= best.high and best.low <= score.high


def _doubts(database: Database, ids: Sequence[int]) -> dict[tuple[int, str], int]:
    among, values = database.one_of("artifact_id", ids, "ids")
    rows = database.rows(
        f"SELECT artifact_id, score, count(*) AS number FROM disputes WHERE {among} GROUP BY artifact_id, score", values
    )
    return {(row["artifact_id"], row["score"]): row["number"] for row in rows}
