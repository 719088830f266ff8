"""Bodies of our own API: what programs may rely on. Never database rows.

The classes say what is promised, for the OpenAPI document and for tests; answers themselves are written by orjson
straight from the records, which is many times quicker than through a class. An artifact reads as in `hub search --json`.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.records import Artifact, Page

_FACTS = [each.name for each in fields(Artifact) if each.name != "name"]


class Body(BaseModel):
    """Of an answer: it holds what it says and nothing else."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(Body):
    """Every error looks so."""

    error: str = Field(
        examples=["no artifact is called `mulan-yoo`. Did you mean `mulan-yo`? List them with `hub search`."]
    )


class ScoreBody(Body):
    """One number and all that is needed to judge it."""

    metric: str = Field(examples=["r_precision_at_10"])
    value: float = Field(examples=[0.61])
    unit: str = Field(examples=["1"])
    better: Literal["up", "down"]
    benchmark: str = Field(examples=["emoji-generation"])
    benchmark_digest: str
    split: str = Field(examples=["seen"])
    language: str = Field(examples=["yo"])
    base: str = Field(examples=["emoji-sd"])
    sample_size: int | None
    seed: int | None
    low: float | None = Field(description="Lower end of the 95 % interval.")
    high: float | None
    provenance: Literal["measured", "reported", "disputed"]
    source: str = Field(description="Reported: who says so and where. Measured: which run, revision and machine.")
    reason: str = Field(description="Of a disputed score: why to doubt it.")


class ConditioningBody(Body):
    """What a denoiser reads, or a module gives."""

    width: int
    length: int | None = Field(description="Tokens; null means any number.")
    pooled_width: int | None
    mask: bool


class PinBody(Body):
    """A base or an encoder that something was made for."""

    name: str
    digest: str = Field(description="Of its weights; empty where it is not known.")


class VariantBody(Body):
    """One artifact's weights for one base."""

    base: PinBody
    folder: str
    method: str
    architecture: str
    conditioning: ConditioningBody
    encoder: PinBody | None
    beside: list[PinBody] = Field(description="Further encoders, whose states are joined to those of the first one.")


class UpstreamBody(Body):
    """One file of a published system, elsewhere."""

    repository: str
    file: str
    size_bytes: int | None
    revision: str
    digest: str


class ArtifactBody(Body):
    """One artifact as its newest revision describes it."""

    name: str = Field(examples=["mulan-yo"])
    owner: str = Field(examples=["linguahub"])
    kind: str = Field(examples=["adapter"])
    summary: str
    license: str = Field(examples=["Apache-2.0"])
    languages: list[str] = Field(examples=[["yo"]])
    method: str = Field(examples=["mulan"])
    variants: list[VariantBody]
    bases: list[str] = Field(examples=[["emoji-sd"]])
    encoder: str
    conditioning: ConditioningBody | None = Field(description="Of a base: what its denoiser reads.")
    scores: list[ScoreBody]
    tags: list[str]
    upstream: list[UpstreamBody]
    revision: str = Field(description="Id of the newest revision that is not yanked; empty when all are.")
    weights_digest: str
    size_bytes: int
    downloads: int
    created_at: datetime | None
    updated_at: datetime | None
    private: bool
    gated: str = Field(description="`auto`, `manual` or empty.")
    any_file: bool = Field(description="Whether an administrator has allowed files that may run code.")
    likes: int
    trending: float = Field(description="Downloads and likes, the later the more: to be compared, not to be shown.")
    weights: dict[str, dict[str, int]] = Field(
        description="SHA-256 of each weights file → how many numbers of each type it holds.",
        examples=[{"0c9438a6bc4da5f66ad366e0…": {"F16": 681911}}],
    )


class SearchBody(Body):
    """A page of answers, how many there are in all, and how they spread."""

    total: int
    is_exact: bool = Field(
        description="Whether total and facets count every answer; otherwise there are at least so many."
    )
    offset: int = Field(description="Where the page begins.")
    items: list[ArtifactBody]
    facets: dict[str, dict[str, int]] = Field(examples=[{"kind": {"adapter": 12}, "language": {"yo": 3}}])
    cursor: str | None = Field(
        description="Give it as `cursor`, with the same parameters, for the next page; null on the last."
    )
    next: str | None = Field(description="Address of the next page; null on the last.")


def described(artifact: Artifact) -> dict[str, Any]:
    """An artifact as `ArtifactBody`; orjson writes the records in it."""
    facts = {name: getattr(artifact, name) for name in _FACTS}
    return {"name": artifact.name.name, "owner": artifact.name.owner, **facts}


def searched(page: Page, cursor: str | None, following: str | None) -> dict[str, Any]:
    """A page as `SearchBody`."""
    return {
        "total": page.total,
        "is_exact": page.is_exact,
        "offset": page.offset,
        "items": [described(artifact) for artifact in page.items],
        "facets": page.facets,
        "cursor": cursor,
        "next": following,
    }


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(orjson.dumps(content), status, headers, "application/json")
