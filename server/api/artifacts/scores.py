"""…/scores: list the scores of an artifact with authors and disputes, publish and dispute scores."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.cards.score_rules import score_problems
from hub.errors import InvalidRequest
from hub.records import Provenance, Score
from hub.registry.scores.scores import (
    Dispute,
    Measurement,
    PublishedScore,
    UnknownScore,
    dispute,
    publish_score,
    published_scores,
)
from server.auth.access import Hub
from server.auth.caller import account_of, actor_of, caller_of, require_scoring
from server.http.response_bodies import Body, json_response
from server.openapi.parameters import ApiArtifact, Digits, Language, Line, Number, Whole, Word

ScoreId = Annotated[str, Path(pattern="^[0-9a-f]{16}$", description="Id of the score.")]


@dataclass(frozen=True, kw_only=True)
class PublishedScoreBody(Score):
    """A score and its author."""

    id: str
    """16 hex digits, such as `9f86d081884c7d65`."""
    author: str
    """The account that published it; empty for scores from the card."""
    measurement: Measurement | None
    """How a published score was measured; null for scores from the card."""
    published_at: datetime | None
    disputes: list[Dispute]


class ScoresBody(Body):
    """All scores of an artifact: first those of its card, then published ones."""

    artifact: str = Field(examples=["linguahub/mulan-yo"])
    scores: list[PublishedScoreBody]


class NewScore(BaseModel):
    """A score that the caller has measured. Others' numbers belong in the card, with their source."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "metric": "r_precision_at_10", "value": 0.61, "benchmark": "emoji-generation", "benchmark_digest": "d" * 64,
                    "split": "seen", "language": "yo", "base": "emoji-sd", "sample_size": 256, "seed": 0, "low": 0.55, "high": 0.67,
                    "revision": "main", "run": "hub evaluate mulan-yo --benchmark emoji-generation", "machine": "x86_64, 2 cores",
                }
            ]
        },
    )  # fmt: skip

    metric: Word = Field(min_length=1)
    value: Number
    unit: Word = "1"
    better: Literal["up", "down"] = "up"
    benchmark: Word = Field(min_length=1)
    benchmark_digest: Digits
    split: Word = ""
    language: Language = ""
    base: Word = ""
    sample_size: Annotated[int, Field(ge=1, lt=1 << 62)]
    seed: Whole
    low: Number | None = None
    high: Number | None = None
    provenance: Literal["measured"] = "measured"
    revision: Word = Field(min_length=1, description="The measured revision, which must be the current one.")
    run: Line = Field(description="Command or run that reproduces it.")
    machine: Line


class NewDispute(BaseModel):
    """The reason for a dispute."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "it was trained on the test set"}]}
    )

    reason: Line


def get_scores(hub: Hub, artifact: ApiArtifact) -> Response:
    """List the scores of an artifact with provenance, author and disputes."""
    published = published_scores(hub.registry.database, artifact.name)
    return json_response({"artifact": str(artifact.name), "scores": [score_body(each) for each in published]})


def get_score(hub: Hub, artifact: ApiArtifact, score: ScoreId) -> Response:
    """Return one score of an artifact with its run record, author and disputes.

    Raises UnknownScore.
    """
    found = [each for each in published_scores(hub.registry.database, artifact.name) if each.id == score]
    if not found:
        raise UnknownScore(score, listing=f"hub show {artifact.name} --scores")
    return json_response(score_body(found[0]))


def post_score(request: Request, hub: Hub, artifact: ApiArtifact, body: NewScore) -> Response:
    """Publish a score that the caller has measured on the current revision, under the caller's name.

    It becomes `self-reported` if the caller has write access to the artifact, and `reported` otherwise. Neither affects the rank
    in searches: only scores that this hub has reproduced do.

    Raises Unauthenticated, Forbidden, UnknownRevision, InvalidRequest.
    """
    caller = caller_of(request, hub)
    require_scoring(caller, artifact)
    measured = hub.registry.revision(artifact.name, body.revision)
    measurement = Measurement(revision=measured.id, run=body.run, machine=body.machine)
    given = body.model_dump(exclude={"revision", "run", "machine", "provenance"})
    source = f"{body.run}, revision {measured.id[:12]}, {body.machine}; published by {account_of(caller).name}"
    provenance = Provenance.SELF_REPORTED if caller.may_write(artifact.name) else Provenance.REPORTED
    score = Score(**given, provenance=provenance, source=source)
    if problems := score_problems(score):
        raise InvalidRequest(f"the score is impossible: {'; '.join(problems)}.")
    published = publish_score(hub.registry.database, artifact.name, score, measurement, actor_of(request, caller))
    return json_response(score_body(published), 201)


def post_dispute(
    request: Request,
    hub: Hub,
    artifact: ApiArtifact,
    score: ScoreId,
    body: NewDispute,
) -> Response:
    """Dispute a score of another account and give a reason. A claim becomes `disputed`; a reproduced score stays `reproduced`.

    Raises Unauthenticated, Forbidden, UnknownScore, Conflict.
    """
    caller = caller_of(request, hub)
    require_scoring(caller, artifact)
    published = dispute(hub.registry.database, artifact.name, score, body.reason, actor_of(request, caller))
    return json_response(score_body(published), 201)


def score_body(published: PublishedScore) -> dict[str, Any]:
    """Return a score as `PublishedScoreBody`."""
    facts = {name: getattr(published.score, name) for name in Score.__slots__}
    return facts | {
        "id": published.id,
        "author": published.author,
        "measurement": published.measurement,
        "published_at": published.at,
        "disputes": list(published.disputes),
    }
