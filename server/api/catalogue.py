"""GET /api/v1/bases, /methods, /benchmarks, /datasets and /owners: what the pages of the same names show."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from hub.catalogue.artifact_line import ArtifactLine
from hub.catalogue.base_facts import BaseFacts, TrainingCost, base_page, list_bases
from hub.catalogue.benchmark_facts import BenchmarkFacts, MetricMeaning, benchmark_page, list_benchmarks
from hub.catalogue.benchmark_facts import as_body as benchmark_as_body
from hub.catalogue.dataset_facts import DatasetFacts, list_datasets
from hub.catalogue.method_facts import MethodFacts, list_methods, method_page
from hub.catalogue.named_images import RowQuery, is_browsable, open_tables
from hub.catalogue.owner_facts import find_owner
from hub.errors import InvalidRequest, UnknownLanguage
from hub.names import LENGTH
from hub.registry.scores.scored_benchmarks import ScoredMetric
from server.api.artifacts.leaderboard import RankingBody
from server.api.artifacts.parity import ParityMapBody
from server.auth.access import Hub, require_download
from server.auth.caller import caller_of
from server.http.response_bodies import Body, json_response
from server.http.urls import Segment, image_path
from server.openapi.parameters import ApiArtifact, Language, Word

MAX_ROWS = 100
"""Rows of a data set in one response."""
BaseName = Annotated[
    Segment,
    Path(max_length=2 * LENGTH + 1, description="Base, by any of its names, with `/` as `%2F`.", examples=["sd15"]),
]
MethodName = Annotated[Segment, Path(max_length=LENGTH, description="Training method.", examples=["mulan"])]
BenchmarkName = Annotated[Segment, Path(max_length=200, description="Benchmark.", examples=["emoji-generation"])]
OwnerName = Annotated[Segment, Path(max_length=LENGTH, description="User or organisation.", examples=["linguahub"])]


class BasesBody(Body):
    """Bases, sorted by name."""

    bases: list[BaseFacts]
    total: int


class BaseBody(Body):
    """A base with what fits it and what is known of it."""

    base: BaseFacts
    languages: dict[str, int] = Field(description="Language → number of modules for the base.")
    methods: dict[str, int]
    kinds: dict[str, int]
    modules: list[ArtifactLine] = Field(description="The first modules for it, the best first.")
    total: int = Field(description="Number of modules for it.")
    similar: list[str] = Field(description="Other bases that take the same embeddings.")
    parity: ParityMapBody
    costs: list[TrainingCost] = Field(description="Of one image and of training runs.")


class MethodsBody(Body):
    """Training methods, then methods that only artifacts name."""

    methods: list[MethodFacts]


class BenchmarksBody(Body):
    """Benchmarks of `hub evaluate`, then benchmarks that only scores name."""

    benchmarks: list[BenchmarkFacts]


class BenchmarkBody(Body):
    """A benchmark with its metrics and its best artifacts."""

    benchmark: BenchmarkFacts
    metrics: list[MetricMeaning] = Field(description="Metrics that it computes, most important first.")
    scored: list[ScoredMetric] = Field(description="Metrics with scores here.")
    digests: list[str] = Field(description="Digests of the data that scores were measured on.")
    scored_languages: list[str] = Field(description="Languages with a score of `headline`.")
    boards: list[RankingBody] = Field(description="The largest rankings of `headline`, with their best entries.")
    headline: str = Field(description="Metric of `boards`; empty without scores.")
    provenance: str = Field(description="Provenance of `boards`.")
    command: str
    paper: str
    arxiv: str


class DatasetsBody(Body):
    """Data sets, the most downloaded first."""

    datasets: list[DatasetFacts]
    total: int


class DatasetRowBody(Body):
    """An image with its name in a language."""

    concept: str = Field(description="Id of the image in the data set.", examples=["1f418"])
    name: str = Field(examples=["giwa"])
    meaning: str = Field(description="The English name.", examples=["elephant"])
    split: str = Field(description="`seen` in training, or a split that is reserved for evaluation.")
    role: str
    group: str
    subgroup: str
    image: str = Field(description="Path of the image, which never changes.")


class DatasetRowsBody(Body):
    """A page of the names of a data set in one language."""

    language: str
    total: int
    offset: int
    rows: list[DatasetRowBody]
    facets: dict[str, dict[str, int]] = Field(
        description="Filter → value → number of rows with it under the other filters.",
        examples=[{"split": {"seen": 3367, "pairs": 84}}],
    )


def get_bases(request: Request, hub: Hub) -> Response:
    """List bases with their conditioning, text encoders, memory, licence and number of modules."""
    bases, total = list_bases(hub.registry, hub.store, caller_of(request, hub).readers())
    return json_response({"bases": bases, "total": total})


def get_base(request: Request, hub: Hub, base: BaseName) -> Response:
    """Return a base with the modules that fit it by language, its parities, and what training for it costs.

    Raises UnknownBase.
    """
    return json_response(base_page(hub.registry, hub.store, base, caller_of(request, hub).readers()))


def get_methods(request: Request, hub: Hub) -> Response:
    """List training methods with what they need, what they fit and what their modules reach."""
    return json_response({"methods": list_methods(hub.registry, caller_of(request, hub).readers())})


def get_method(request: Request, hub: Hub, method: MethodName) -> Response:
    """Return a training method: its parts, losses, costs, and the artifacts trained with it.

    Raises UnknownMethod.
    """
    return json_response(method_page(hub.registry, hub.store, method, caller_of(request, hub).readers()))


def get_benchmarks(request: Request, hub: Hub) -> Response:
    """List benchmarks with what they measure and their number of scores."""
    return json_response({"benchmarks": list_benchmarks(hub.registry, caller_of(request, hub).readers())})


def get_benchmark(request: Request, hub: Hub, benchmark: BenchmarkName) -> Response:
    """Return a benchmark: protocol, metrics, data, languages, and the best artifacts.

    Raises UnknownBenchmark.
    """
    return json_response(benchmark_as_body(benchmark_page(hub.registry, benchmark, caller_of(request, hub).readers())))


def get_datasets(request: Request, hub: Hub) -> Response:
    """List data sets, the most downloaded first."""
    datasets, total = list_datasets(hub.registry, caller_of(request, hub).readers())
    return json_response({"datasets": datasets, "total": total})


def get_rows(
    request: Request,
    hub: Hub,
    artifact: ApiArtifact,
    lang: Annotated[Language, Query(description="Language tag or name.", examples=["ha"])] = "en",
    split: Annotated[Word, Query(description="Only names of this split.", examples=["pairs"])] = "",
    role: Annotated[Word, Query(description="Only names of this role.", examples=["base"])] = "",
    group: Annotated[Word, Query(description="Only names of this group.", examples=["Animals & Nature"])] = "",
    text: Annotated[Word, Query(description="Part of a name or of its English meaning.", examples=["giwa"])] = "",
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 60,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Return the names of a data set in a language, each with the path of its image.

    Raises UnknownLanguage for a language that the data set does not have, and InvalidRequest for another artifact.
    """
    require_download(request, hub, artifact)
    if not is_browsable(hub.registry, artifact):
        raise InvalidRequest(f"`{artifact.name}` has no tables of names and images: list its files with `hub show`.")
    tables = open_tables(hub.registry, hub.store, hub.home.caches, artifact)
    if lang not in (known := tables.languages()):
        raise UnknownLanguage(lang, known, listing=f"hub show {artifact.name}")
    query = RowQuery(language=lang, split=split, role=role, group=group, text=text, limit=limit, offset=offset)
    found = tables.rows(query)
    rows = [{**asdict(each), "image": image_path(artifact, each.concept)} for each in found.rows]
    return json_response(
        {"language": lang, "total": found.total, "offset": offset, "rows": rows, "facets": found.facets}
    )


def get_owner(request: Request, hub: Hub, owner: OwnerName) -> Response:
    """Return a user or an organisation: members, artifacts by kind, downloads, languages.

    Raises UnknownAccount.
    """
    return json_response(find_owner(hub.registry, hub.accounts, owner, caller_of(request, hub).readers()))
