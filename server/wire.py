"""Bodies of the search API: what programs may rely on. Never database rows.

An artifact reads as in `hub search --json`.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from hub.records import Artifact, Page, Score


class ScoreBody(BaseModel):
    """One number and all that is needed to judge it."""

    metric: str
    value: float
    unit: str
    better: str
    benchmark: str
    benchmark_digest: str
    split: str
    language: str
    base: str
    sample_size: int | None
    seed: int | None
    low: float | None
    high: float | None
    provenance: str
    source: str
    reason: str

    @classmethod
    def of(cls, score: Score) -> ScoreBody:
        """The body of a score."""
        return cls(**{name: getattr(score, name) for name in cls.model_fields})


class ArtifactBody(BaseModel):
    """One artifact as its newest revision describes it."""

    name: str
    owner: str
    kind: str
    summary: str
    method: str
    bases: list[str]
    encoder: str
    languages: list[str]
    license: str
    tags: list[str]
    revision: str
    size_bytes: int
    downloads: int
    updated_at: datetime | None
    scores: list[ScoreBody]

    @classmethod
    def of(cls, artifact: Artifact) -> ArtifactBody:
        """The body of an artifact."""
        return cls(
            name=artifact.name.name,
            owner=artifact.name.owner,
            kind=artifact.kind,
            summary=artifact.summary,
            method=artifact.method,
            bases=list(artifact.bases),
            encoder=artifact.encoder,
            languages=list(artifact.languages),
            license=artifact.license,
            tags=list(artifact.tags),
            revision=artifact.revision,
            size_bytes=artifact.size_bytes,
            downloads=artifact.downloads,
            updated_at=artifact.updated_at,
            scores=[ScoreBody.of(score) for score in artifact.scores],
        )


class SearchBody(BaseModel):
    """A page of answers, how many there are in all, and how they spread."""

    total: int
    items: list[ArtifactBody]
    facets: dict[str, dict[str, int]]
    next: str | None
    """Address of the next page; null on the last."""

    @classmethod
    def of(cls, page: Page, following: str | None) -> SearchBody:
        """The body of a page."""
        items = [ArtifactBody.of(artifact) for artifact in page.items]
        return cls(total=page.total, items=items, facets=page.facets, next=following)
