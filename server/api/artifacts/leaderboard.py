"""GET /api/v1/leaderboard: the rankings of a metric on a benchmark, with intervals."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import Response

from hub.advice.fronts import Front, with_fronts
from hub.records import Provenance, Score
from hub.registry.scores.leaderboard import MAX_TOTAL, LeaderboardQuery, leaderboards
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.response_bodies import Body, body_class, json_response
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
    """Comparable scores, the best value first."""

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


class RankingWithFrontBody(RankingBody):
    """A ranking, with what its entries cost to train."""

    front: body_class(Front) | None = Field(  # type: ignore[valid-type]
        description="Quality against cost of training; null without one language, or with fewer than two entries of known cost on a device."
    )


class LeaderboardBody(Body):
    """The rankings of a metric on a benchmark. They are not comparable with each other."""

    benchmark: str
    metric: str
    provenance: str
    rankings: list[RankingWithFrontBody]


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
    found = with_fronts(hub.registry, hub.store, leaderboards(hub.registry.database, contest, limit))
    return json_response({"benchmark": benchmark, "metric": metric, "provenance": provenance, "rankings": found})
