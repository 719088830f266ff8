"""Leaderboards: rankings of the scores of one metric and provenance on a benchmark, best first.

Each ranking has scores that may be compared (`hub.registry.scores.rankings`), so two digests, splits, scales or classes of n make two
rankings. Scores whose intervals overlap are tied: an entry's rank is one more than the number of entries that are better beyond
their intervals.
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hub.names import ArtifactName
from hub.records import DATASET, Provenance, Score
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.scores.rankings import JOINED, Ranking, rankings
from hub.registry.scores.rows import read_score
from hub.registry.scores.scores import score_id

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_ENTRIES = 1000
"""Maximum number of entries of a ranking."""
MAX_SHOWN = 20
"""Maximum number of rankings of a leaderboard, the largest ones."""
FEW = 2000
"""Artifacts of a method whose scores are read one by one; a ranking of more has some near its best end."""
MAX_TOTAL = 10_000
"""Scores of a ranking that are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardQuery:
    """The scores to compare. Empty fields do not filter."""

    benchmark: str
    metric: str
    language: str = ""
    split: str = ""
    base: str = ""
    method: str = ""
    digest: str = ""
    """First digits of the benchmark's digest."""
    provenance: str = Provenance.REPRODUCED
    readers: tuple[str, ...] | None = None
    """Owners whose private artifacts are included, as in `Query`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardEntry:
    """One entry of a ranking."""

    rank: int
    """1 plus the number of entries whose intervals are entirely better: entries that overlap share a rank."""
    artifact: ArtifactName
    method: str
    author: str
    """The account that published the score; empty for a score of the card."""
    disputes: int
    """Number of accounts that dispute the score."""
    id: str
    """That of the score, by which its run record is found."""
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """A ranking with its best entries."""

    ranking: Ranking
    total: int
    """Number of scores, at most MAX_TOTAL."""
    entries: tuple[LeaderboardEntry, ...]


def as_json(board: Leaderboard) -> dict[str, Any]:
    """Return a leaderboard as the API and `--json` write it; `record` is the endpoint with the run record of an entry."""
    entries = [
        {
            "rank": each.rank, "artifact": str(each.artifact), "method": each.method, "author": each.author, "disputes": each.disputes,
            "id": each.id, "record": f"/api/v1/artifacts/{each.artifact}/scores/{each.id}", "score": asdict(each.score),
        }
        for each in board.entries
    ]  # fmt: skip
    return {**asdict(board.ranking), "total": board.total, "entries": entries}


def leaderboards(database: Database, contest: LeaderboardQuery, limit: int) -> list[Leaderboard]:
    """Return the rankings on a benchmark, the largest first, each with up to `limit` entries."""
    has_private = bool(database.rows("SELECT 1 FROM artifacts WHERE private = TRUE LIMIT 1"))
    readers = contest.readers if has_private else None
    found = rankings(
        database, contest.metric, contest.provenance, benchmark=contest.benchmark, split=contest.split, digest=contest.digest,
        readers=readers,
    )  # fmt: skip
    boards = []
    for ranking in found:
        if (board := _board(database, contest, ranking, readers, limit)).total:
            boards.append(board)
        if len(boards) == MAX_SHOWN:
            break
    return boards


def _board(
    database: Database, contest: LeaderboardQuery, ranking: Ranking, readers: tuple[str, ...] | None, limit: int
) -> Leaderboard:
    values: dict[str, Any] = {"metric": contest.metric, "provenance": str(contest.provenance), **ranking.values}
    conditions = ["scores.metric = :metric", "scores.provenance = :provenance", ranking.condition]
    for column in ("language", "base"):
        if wanted := getattr(contest, column):
            conditions.append(f"scores.{column} = :{column}")
            values[column] = wanted
    joined = ""
    if contest.method:
        values["method"] = contest.method
        of_method = "SELECT id FROM artifacts WHERE method = :method"
        few = database.rows(
            f"SELECT count(*) FROM ({of_method} LIMIT {FEW + 1}) AS counted", {"method": contest.method}
        )[0][0]
        if few <= FEW:  # Their scores are read instead of the ranking: an index cannot be used on both sides of `||`.
            conditions = [each.replace(" = ", " || '' = ") for each in conditions]
            conditions.append(f"scores.artifact_id IN ({of_method})")
        else:
            joined = JOINED
            conditions.append("artifacts.method = :method")
    if readers is not None:
        condition, more = visibility_condition(readers)
        joined = JOINED
        conditions.append(f"(NOT private OR {condition})")
        values |= more
    where = f"WHERE {' AND '.join(conditions)}"
    counted = f"SELECT count(*) FROM (SELECT 1 FROM scores {joined} {where} LIMIT {MAX_TOTAL}) AS counted"
    total = int(database.rows(counted, values)[0][0])
    order = "DESC" if ranking.better == "up" else "ASC"
    rows = database.rows(
        f"SELECT scores.*, artifacts.owner, artifacts.name, artifacts.kind, artifacts.method FROM scores {JOINED} {where} "
        f"ORDER BY value {order}, key, position LIMIT :limit",
        {**values, "limit": limit},
    )
    scores = [read_score(row) for row in rows]
    disputes = _count_disputes(database, [row["artifact_id"] for row in rows])
    entries = tuple(
        LeaderboardEntry(
            rank=rank,
            artifact=ArtifactName(row["owner"], row["name"], row["kind"] == DATASET),
            method=row["method"],
            author=row["author"],
            disputes=disputes.get((row["artifact_id"], known), 0),
            id=known,
            score=score,
        )
        for row, score, rank in zip(rows, scores, ranks(scores), strict=True)
        if (known := score_id(score))
    )
    return Leaderboard(ranking=ranking, total=total, entries=entries)


def ranks(scores: Sequence[Score]) -> list[int]:
    """Return the rank of each score of one ranking: one more than the number of scores whose interval is entirely better.

    A score without an interval is a point. Only scores with a better value can be entirely better, so the rank among the first
    scores of a ranking is that among all.
    """
    sign = -1 if scores and scores[0].better == "down" else 1
    ends = [sorted((sign * _or(score.low, score), sign * _or(score.high, score))) for score in scores]
    lows = sorted(low for low, _ in ends)
    return [1 + len(lows) - bisect_right(lows, high) for _, high in ends]


def _or(end: float | None, score: Score) -> float:
    return score.value if end is None else end


def _count_disputes(database: Database, ids: Sequence[int]) -> dict[tuple[int, str], int]:
    among, values = database.in_list("artifact_id", ids, "ids")
    rows = database.rows(
        f"SELECT artifact_id, score, count(*) AS number FROM disputes WHERE {among} GROUP BY artifact_id, score", values
    )
    return {(row["artifact_id"], row["score"]): row["number"] for row in rows}
