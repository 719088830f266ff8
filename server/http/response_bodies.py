"""Response bodies of our API: part of its contract, and independent of the database tables.

orjson serializes the records directly, which is many times faster than pydantic; their dataclasses describe them in the OpenAPI
document. The classes here describe JSON that is not a record. Artifacts have the same format as in `hub search --json`.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from hub.conditioning import Conditioning
from hub.records import Artifact, Meaning, Page, Score, StandIn, Upstream, Variant

_FIELDS = [each.name for each in fields(Artifact) if each.name != "name"]


class Body(BaseModel):
    """A response body without extra fields. Docstrings of attributes are their descriptions."""

    # The OpenAPI document builds them (`server.openapi.document`). Doing so at once would make importing the server take 0.3 s more.
    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
        defer_build=True,
    )


@cache
def body_class(record: type[Any]) -> type[Any]:
    """Return a copy of a dataclass that the OpenAPI document can use as a `Body`."""
    named = {name: getattr(record, name) for name in ("__doc__", "__module__", "__qualname__")}
    return type(record.__name__, (record,), {**named, "__pydantic_config__": Body.model_config})


class ErrorBody(Body):
    """An error."""

    error: str = Field(
        examples=["no artifact is called `mulan-yoo`. Did you mean `mulan-yo`? List them with `hub search`."]
    )


class ArtifactBody(Body):
    """An artifact as of its newest revision."""

    name: str = Field(examples=["mulan-yo"])
    owner: str = Field(examples=["linguahub"])
    kind: str = Field(examples=["adapter"])
    summary: str
    license: str = Field(examples=["Apache-2.0"])
    languages: list[str] = Field(examples=[["yo"]])
    method: str = Field(examples=["mulan"])
    variants: list[Variant]
    bases: list[str] = Field(examples=[["emoji-sd"]])
    encoder: str
    conditioning: Conditioning | None = Field(description="For a base, the embeddings that its denoiser takes.")
    scores: list[Score]
    tags: list[str]
    upstream: list[Upstream]
    revision: str = Field(description="Id of the newest revision that is not yanked; empty if all are yanked.")
    weights_digest: str
    size_bytes: int
    downloads: int
    created_at: datetime | None
    updated_at: datetime | None
    private: bool
    gated: str = Field(description="`auto`, `manual` or empty.")
    allow_unsafe_files: bool = Field(description="Whether an administrator has allowed files that can run code.")
    likes: int
    trending: float = Field(description="Downloads and likes, weighted by recency: for sorting, not for display.")
    weights: dict[str, dict[str, int]] = Field(
        description="Number of parameters by dtype, for the SHA-256 of each weights file.",
        examples=[{"0c9438a6bc4da5f66ad366e0…": {"F16": 681911}}],
    )
    aliases: list[str] = Field(description="Other names of a base.", examples=[["runwayml/stable-diffusion-v1-5"]])
    trained_languages: list[str] = Field(
        description="Languages it was trained on, if these are not all of `languages`: the others are zero-shot.",
        examples=[["en"]],
    )


PARAMETER_OF = {"language": "lang", "has_images": "has"}
"""Field of `Query` → query parameter, where they differ."""


class SearchBody(Body):
    """A page of results with their total and facet counts."""

    total: int
    is_exact: bool = Field(description="Whether total and facets are exact; otherwise they are lower bounds.")
    offset: int = Field(description="Position of the page's first result.")
    items: list[ArtifactBody]
    facets: dict[str, dict[str, int]] = Field(examples=[{"kind": {"adapter": 12}, "language": {"yo": 3}}])
    cursor: str | None = Field(
        description="Pass it as `cursor`, with the same parameters, for the next page; null on the last."
    )
    next: str | None = Field(description="URL of the next page; null on the last.")
    stand_ins: list[StandIn] = Field(
        description="If `text` is a name such as `mulan-fr`, the multilingual modules that it gives, one for each base that no "
        "module of this name is made for. Only on the first page."
    )
    meaning: Meaning | None = Field(
        description="Interpretation of `text`; null if it was searched for word by word, like text in double quotes."
    )
    correction: str = Field(
        description="If nothing matches, a text that is spelled like `text` and has matches; else empty."
    )
    without: dict[str, int] = Field(
        description="If nothing matches, the number of matches without one of the parameters. That of `provenance` is with "
        "self-reported scores instead of reproduced ones.",
        examples=[{"base": 12}],
    )


def artifact_body(artifact: Artifact) -> dict[str, Any]:
    """Return an artifact as `ArtifactBody`. orjson serializes its records."""
    values = {name: getattr(artifact, name) for name in _FIELDS}
    return {"name": artifact.name.name, "owner": artifact.name.owner, **values}


def search_body(page: Page, cursor: str | None, next_url: str | None) -> dict[str, Any]:
    """Return a page as `SearchBody`."""
    return {
        "total": page.total,
        "is_exact": page.is_exact,
        "offset": page.offset,
        "items": [artifact_body(artifact) for artifact in page.items],
        "facets": page.facets,
        "cursor": cursor,
        "next": next_url,
        "stand_ins": page.stand_ins,
        "meaning": page.meaning,
        "correction": page.correction,
        "without": {PARAMETER_OF.get(name, name): count for name, count in page.without.items()},
    }


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response."""
    return Response(orjson.dumps(content), status, headers, "application/json")
