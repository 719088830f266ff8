"""GET /api/v1/leaderboard and /api/v1/compare: scores of one provenance side by side, with intervals."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import Response

from hub.errors import InvalidRequest
from hub.names import ArtifactName
from hub.records import Artifact, Provenance, Score
from hub.registry.scores.leaderboard import MAX_TOTAL, LeaderboardQuery, as_json, leaderboards
from hub.scores.metrics import is_control
from hub.scores.setting import setting_of
from server.auth.access import Hub, get_artifact
from server.auth.caller import caller_of
from server.http.response_bodies import Body, json_response
from server.openapi.parameters import Language, Word


class LeaderboardEntryBody(Body):
    """One entry of a ranking."""

    rank: int = Field(
        description="One more than the number of entries whose 95 % interval is entirely better: entries that overlap share a rank."
    )
    artifact: str = Field(examples=["linguahub/mulan-yo"])
    method: str = Field(examples=["mulan"])
    author: str = Field(description="The account that published the score; empty for scores from the card.")
    disputes: int = Field(description="Number of disputes.")
    id: str = Field(description="Id of the score.", examples=["9f86d081884c7d65"])
    record: str = Field(description="The endpoint with the score and its run record.")
    score: Score


class RankingBody(Body):
    """Scores that may be compared, the best value first."""

    benchmark: str
    benchmark_digest: str
    split: str
    unit: str
    better: str
    setting: str = Field(
        description="The class of the sample size, or the machine; empty if the sample size is unknown.",
        examples=["n 32–319"],
    )
    total: int = Field(description=f"Number of scores; {MAX_TOTAL:,} means at least as many.")
    entries: list[LeaderboardEntryBody]


class LeaderboardBody(Body):
    """The rankings of a metric on a benchmark. They are not comparable with each other."""

    benchmark: str
    metric: str
    provenance: str
    rankings: list[RankingBody]


class ColumnBody(Body):
    """The score of one artifact in a row."""

    artifact: str
    score: Score | None


class RowBody(Body):
    """One comparable score of several artifacts."""

    metric: str
    benchmark: str
    benchmark_digest: str
    split: str
    language: str
    base: str
    unit: str
    provenance: str
    setting: str = Field(description="The class of the sample size, or the machine.", examples=["n 32–319"])
    columns: list[ColumnBody]
    verdict: str = Field(
        description="How the best two differ.", examples=["ada/a is better: the intervals don't overlap"]
    )


class CompareBody(Body):
    """Comparable scores, and the number of scores that are not comparable."""

    artifacts: list[str]
    rows: list[RowBody]
    incomparable: int = Field(
        description="Scores that only one artifact has on the same benchmark, split, language and base."
    )


_SAME = ("metric", "benchmark", "benchmark_digest", "split", "language", "base", "unit", "provenance")
"""What must be equal for two scores to be comparable."""


def get_leaderboard(
    request: Request,
    hub: Hub,
    benchmark: Annotated[
        Word, Query(min_length=1, description="Name of the benchmark.", examples=["emoji-generation"])
    ],
    metric: Annotated[Word, Query(min_length=1, description="Name of the metric.", examples=["r_precision_at_10"])],
    language: Annotated[
        Language, Query(description="Language tag or name (default: all languages).", examples=["yo"])
    ] = "",
    split: Annotated[Word, Query(description="Split of the benchmark (default: all splits).", examples=["seen"])] = "",
    base: Annotated[
        Word, Query(description="Base that the scores were measured with (default: all bases).", examples=["emoji-sd"])
    ] = "",
    method: Annotated[Word, Query(description="Training method (default: all methods).", examples=["mulan"])] = "",
    digest: Annotated[
        str, Query(pattern="^[0-9a-f]{0,64}$", description="First digits of the benchmark's digest (default: all).")
    ] = "",
    provenance: Annotated[
        Literal["reproduced", "self-reported", "reported", "disputed"],
        Query(description="Provenance of the scores: what this hub reproduced, or what others claim."),
    ] = "reproduced",
    limit: Annotated[int, Query(ge=1, le=1000, description="Maximum number of entries of each ranking.")] = 50,
) -> Response:
    """Return the rankings of a metric on a benchmark, the largest first, with confidence intervals.

    Scores with another benchmark digest, split, unit, class of sample size or, for times and memory, machine are in another ranking.
    """
    contest = LeaderboardQuery(
        benchmark=benchmark, metric=metric, language=language, split=split, base=hub.registry.short_base_name(base), method=method,
        digest=digest, provenance=Provenance(provenance), readers=caller_of(request, hub).readers(),
    )  # fmt: skip
    found = [*map(as_json, leaderboards(hub.registry.database, contest, limit))]
    return json_response({"benchmark": benchmark, "metric": metric, "provenance": provenance, "rankings": found})


def compare_artifacts(
    request: Request,
    hub: Hub,
    artifact: Annotated[
        list[Word],
        Query(
            min_length=2,
            max_length=8,
            description="Names of two to eight artifacts; repeat the parameter.",
            examples=[["linguahub/mulan-yo", "linguahub/pea-many"]],
        ),
    ],
) -> Response:
    """Compare the scores of two to eight artifacts.

    Scores are compared if metric, benchmark, benchmark digest, split, language, base, unit, provenance and the class of the sample size
    (or the machine, for times and memory) are the same.

    Raises UnknownArtifact, InvalidRequest.
    """
    found = [get_artifact(hub, each, request) for each in dict.fromkeys(artifact)]
    if len({each.name.key for each in found}) < 2:
        raise InvalidRequest("a comparison needs two different artifacts: `?artifact=a/x&artifact=b/y`.")
    rows: dict[tuple[str, ...], dict[ArtifactName, Score]] = {}
    for each in found:
        for score in each.scores:
            if not is_control(score):
                rows.setdefault(_row_key(score), {}).setdefault(each.name, score)
    common = {key: scores for key, scores in rows.items() if len(scores) > 1}
    return json_response(
        {
            "artifacts": [str(each.name) for each in found],
            "rows": [_row(key, scores, found) for key, scores in common.items()],
            "incomparable": len(rows) - len(common),
        }
    )


def _row_key(score: Score) -> tuple[str, ...]:
    """Return what must be equal for two scores to be comparable."""
    return (*(str(getattr(score, name)) for name in _SAME), setting_of(score))


def _row(key: tuple[str, ...], scores: dict[ArtifactName, Score], artifacts: list[Artifact]) -> dict[str, object]:
    columns = [{"artifact": str(each.name), "score": scores.get(each.name)} for each in artifacts]
    return dict(zip((*_SAME, "setting"), key, strict=True)) | {"columns": columns, "verdict": _verdict(scores)}


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
