"""GET /api/v1/leaderboard and /api/v1/compare: scores of one provenance side by side, with intervals."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import Response

from hub.errors import InvalidRequest
from hub.names import ArtifactName
from hub.records import Artifact, Provenance, Score
from hub.registry.index.ranking import is_control
from hub.registry.scores.leaderboard import LeaderboardQuery, leaderboard
from server.auth.access import Hub, get_artifact
from server.auth.caller import caller_of
from server.http.wire import Body, answer
from server.openapi.parameters import Language, Word


class PlaceBody(Body):
    """One place of a leaderboard."""

    rank: int
    is_tied: bool = Field(description="Its 95 % interval overlaps the best one's.")
    artifact: str = Field(examples=["linguahub/mulan-yo"])
    author: str = Field(description="The account that published the score; empty for scores of the card.")
    doubts: int = Field(description="Number of disputes.")
    score: Score


class LeaderboardBody(Body):
    """A leaderboard, the best value first."""

    benchmark: str
    metric: str
    provenance: str
    total: int
    places: list[PlaceBody]


class ColumnBody(Body):
    """One artifact's score in a row."""

    artifact: str
    score: Score | None


class RowBody(Body):
    """One score that several artifacts have."""

    metric: str
    benchmark: str
    benchmark_digest: str
    split: str
    language: str
    base: str
    provenance: str
    columns: list[ColumnBody]
    verdict: str = Field(
        description="How the best two differ.", examples=["ada/a is better: the intervals don't overlap"]
    )


class CompareBody(Body):
    """Comparable scores, and the number of the others."""

    artifacts: list[str]
    rows: list[RowBody]
    incomparable: int = Field(
        description="Scores that only one artifact has on the same benchmark, split, language and base."
    )


def get_leaderboard(
    request: Request,
    hub: Hub,
    benchmark: Annotated[Word, Query(min_length=1, examples=["emoji-generation"])],
    metric: Annotated[Word, Query(min_length=1, examples=["r_precision_at_10"])],
    language: Annotated[Language, Query(examples=["yo"])] = "",
    split: Annotated[Word, Query(examples=["seen"])] = "",
    base: Annotated[Word, Query(examples=["emoji-sd"])] = "",
    provenance: Literal["measured", "reported", "disputed"] = "measured",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Response:
    """Return the leaderboard of a benchmark and metric, with provenance and intervals."""
    contest = LeaderboardQuery(
        benchmark=benchmark, metric=metric, language=language, split=split, base=base, provenance=Provenance(provenance),
        readers=caller_of(request, hub).owners(),
    )  # fmt: skip
    places, total = leaderboard(hub.registry.database, contest, limit)
    lines = [
        {
            "rank": each.rank, "is_tied": each.is_tied, "artifact": str(each.artifact), "author": each.author,
            "doubts": each.doubts, "score": each.score,
        }
        for each in places
    ]  # fmt: skip
    return answer({"benchmark": benchmark, "metric": metric, "provenance": provenance, "total": total, "places": lines})


def compare_artifacts(
    request: Request,
    hub: Hub,
    artifact: Annotated[
        list[Word],
        Query(min_length=2, max_length=8, examples=[["linguahub/mulan-yo", "linguahub/pea-many"]]),
    ],
) -> Response:
    """Compare scores of artifacts with the same metric, benchmark and digest, split, language, base and provenance."""
    found = [get_artifact(hub, each, request) for each in dict.fromkeys(artifact)]
    if len({each.name.key for each in found}) < 2:
        raise InvalidRequest("comparing needs two different artifacts: `?artifact=a/x&artifact=b/y`.")
    rows: dict[tuple[str, ...], dict[ArtifactName, Score]] = {}
    for each in found:
        for score in each.scores:
            if not is_control(score):
                rows.setdefault(_title(score), {}).setdefault(each.name, score)
    common = {title: scores for title, scores in rows.items() if len(scores) > 1}
    return answer(
        {
            "artifacts": [str(each.name) for each in found],
            "rows": [_row(title, scores, found) for title, scores in common.items()],
            "incomparable": len(rows) - len(common),
        }
    )


def _title(score: Score) -> tuple[str, ...]:
    """Return what must be equal for two scores to be comparable."""
    return (
        score.metric, score.benchmark, score.benchmark_digest, score.split, score.language, score.base, str(score.provenance)
    )  # fmt: skip


def _row(title: tuple[str, ...], scores: dict[ArtifactName, Score], artifacts: list[Artifact]) -> dict[str, object]:
    names = ("metric", "benchmark", "benchmark_digest", "split", "language", "base", "provenance")
    columns = [{"artifact": str(each.name), "score": scores.get(each.name)} for each in artifacts]
    return dict(zip(names, title, strict=True)) | {"columns": columns, "verdict": _verdict(scores)}


def _verdict(scores: dict[ArtifactName, Score]) -> str:
    """Compare the best two scores."""
    is_down = next(iter(scores.values())).better == "down"
    (first, best), (_, second) = sorted(scores.items(), key=lambda each: each[1].value * (1 if is_down else -1))[:2]
    if best.value == second.value:
        return "equal"
    if best.low is None or best.high is None or second.low is None or second.high is None:
        return f"{first} has the better value; without intervals its significance is unknown"
    apart = best.high < second.low if is_down else best.low > second.high
    return (
        f"{first} is better: the intervals don't overlap"
        if apart
        else f"{first} has the better value; the intervals overlap"
    )
