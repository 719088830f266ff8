"""GET /api/v1/compare: facts and comparable scores of artifacts, side by side."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import Response

from hub.advice.comparison import BASE, ENGLISH, FEWEST, MOST, TRANSLATED, Facts, as_json
from hub.records import Score
from server.auth.access import Hub
from server.auth.comparison import compare_named
from server.http.response_bodies import Body, body_class, json_response
from server.openapi.parameters import Word


class ColumnBody(Body):
    """The score of one artifact in a row."""

    artifact: str
    score: Score | None


class ComparedRowBody(Body):
    """One comparable score of several artifacts."""

    metric: str
    benchmark: str
    benchmark_digest: str
    split: str
    language: str
    base: str = Field(description="Empty in a comparison of bases.")
    unit: str
    better: str = Field(description="`up` or `down`.")
    provenance: str
    setting: str = Field(description="The class of the sample size, or the machine.", examples=["n 32–319"])
    columns: list[ColumnBody]
    baselines: dict[str, Score] = Field(
        description=f"Scores on the same data and setting, as far as they were measured: `{BASE}`, `{ENGLISH}` and `{TRANSLATED}`."
    )
    translator: str = Field(description="The artifact that translated the prompts; empty without such a score.")
    best: str | None = Field(
        description="The artifact whose 95 % interval is entirely better than those of all others; null if intervals overlap."
    )
    verdict: str = Field(
        description="How the best two differ.", examples=["ada/a is better: the intervals don't overlap"]
    )


class CompareBody(Body):
    """Artifacts side by side."""

    artifacts: list[str]
    facts: list[body_class(Facts)]  # type: ignore[valid-type]
    common_languages: list[str]
    rows: list[ComparedRowBody]
    incomparable: int = Field(description="Scores that only one artifact has.")
    differences: list[str] = Field(
        description="Properties that distinguish scores of the same metric, benchmark and language.",
        examples=[["split"]],
    )


def compare_artifacts(
    request: Request,
    hub: Hub,
    artifact: Annotated[
        list[Word],
        Query(
            description=f"Names of {FEWEST} to {MOST} artifacts; repeat the parameter.",
            examples=[["linguahub/mulan-yo", "linguahub/pea-many"]],
        ),
    ],
) -> Response:
    """Compare two to four artifacts: facts, and the scores that answer the same question.

    Scores are compared if metric, benchmark, benchmark digest, split, language, base, unit, direction, provenance and the class of
    the sample size (or the machine, for times and memory) are the same.

    Raises UnknownArtifact, InvalidRequest.
    """
    return json_response(as_json(compare_named(request, hub, artifact)))
