"""Facts about benchmarks: their protocols and scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from hub.errors import UnknownBenchmark
from hub.plugins import advertised
from hub.records import Provenance
from hub.registry import Registry
from hub.registry.index.ranking import HEADLINES
from hub.registry.scores.leaderboard import Leaderboard, LeaderboardQuery, as_json, leaderboards
from hub.registry.scores.scored_benchmarks import (
    ScoredMetric,
    scored_benchmarks,
    scored_languages,
    scored_metrics,
)
from hub.scores.metrics import COSTS, is_control

GROUP = "hub.benchmarks"
MCLIP = "-mclip"
BEST = 5
"""Entries of a ranking on the page of a benchmark."""
MAX_BOARDS = 3
"""Rankings on the page of a benchmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkFacts:
    """A benchmark in a list."""

    name: str
    title: str
    measures: str
    """In words; empty for a benchmark that `hub evaluate` does not have."""
    subject: str
    """Type of subject: `pipeline`, `encoder` or `retriever`."""
    protocol: str
    languages: str
    """In words."""
    splits: tuple[str, ...]
    """The default first."""
    n: int | None
    """Prompts or queries of a language, by default; 0 means all; None if unknown."""
    dataset: str
    """The data set here that it reads; empty if its data are elsewhere."""
    package: str
    """The package that adds it; empty if it comes with linguahub."""
    runs: bool
    """Whether `hub evaluate` has it here."""
    scores: int
    """Number of scores, at most 10,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricMeaning:
    """A metric that a benchmark computes."""

    metric: str
    meaning: str
    better: str
    """`up` or `down`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkPage:
    """One benchmark with everything that is known of it."""

    benchmark: BenchmarkFacts
    metrics: tuple[MetricMeaning, ...]
    """Metrics that it computes, most important first."""
    scored: tuple[ScoredMetric, ...]
    """Metrics with scores here."""
    digests: tuple[str, ...]
    """Digests of the data that scores were measured on."""
    scored_languages: tuple[str, ...]
    """Languages with a score of the first metric."""
    boards: tuple[Leaderboard, ...]
    """Its largest rankings by the first metric, with their best entries."""
    headline: str
    """The metric of `boards`; empty without scores."""
    provenance: str
    """The provenance of `boards`."""
    command: str
    paper: str
    arxiv: str


def list_benchmarks(registry: Registry, readers: tuple[str, ...] | None) -> tuple[BenchmarkFacts, ...]:
    """Return the benchmarks of `hub evaluate`, then those that only scores name."""
    counts = scored_benchmarks(registry.database, readers)
    return tuple(_facts(each, counts) for each in _names(counts))


def benchmark_page(registry: Registry, name: str, readers: tuple[str, ...] | None) -> BenchmarkPage:
    """Return the benchmark called `name`, ignoring case. Raises UnknownBenchmark with similar names."""
    counts = scored_benchmarks(registry.database, readers)
    known = _names(counts)
    found = next((each for each in known if each.lower() == name.lower()), None)
    if found is None:
        raise UnknownBenchmark(name, known)
    written = _written(found)
    scored = scored_metrics(registry.database, found, readers)
    headline = _headline(scored)
    boards: list[Leaderboard] = []
    provenance = headline.provenances[0] if headline else Provenance.REPRODUCED.value
    if headline:
        query = LeaderboardQuery(benchmark=found, metric=headline.metric, provenance=provenance, readers=readers)
        boards = leaderboards(registry.database, query, BEST)[:MAX_BOARDS]
    paper = written.get("paper", {})
    return BenchmarkPage(
        benchmark=_facts(found, counts), metrics=_metrics(written), scored=tuple(scored),
        digests=tuple(sorted({each.benchmark_digest for metric in scored for each in metric.rankings} - {""})),
        scored_languages=scored_languages(registry.database, found, headline.metric, readers) if headline else (),
        boards=tuple(boards), headline=headline.metric if headline else "", provenance=provenance,
        command=_command(found, written), paper=paper.get("by", ""), arxiv=paper.get("arxiv", ""),
    )  # fmt: skip


def as_body(page: BenchmarkPage) -> dict[str, Any]:
    """Return a benchmark as the API writes it."""
    values = {name: getattr(page, name) for name in BenchmarkPage.__dataclass_fields__}
    return {**values, "boards": [as_json(each) for each in page.boards]}


def _headline(scored: Sequence[ScoredMetric]) -> ScoredMetric | None:
    """Return the most informative metric: one of HEADLINES if available, else the one with the most scores."""

    def place(each: ScoredMetric) -> tuple[int, int]:
        plain = each.metric.partition("[")[0]
        return HEADLINES.index(plain) if plain in HEADLINES else len(HEADLINES), -each.scores

    about = [each for each in scored if not is_control(each) and not each.metric.startswith(COSTS)]
    return min(about or scored, key=place, default=None)


def _names(counts: dict[str, int]) -> list[str]:
    own = [*written_benchmarks(), *(each for each in advertised(GROUP) if each not in written_benchmarks())]
    others = sorted((each for each in counts if each and each not in own), key=lambda each: (-counts[each], each))
    return [*own, *others]


def _facts(name: str, counts: dict[str, int]) -> BenchmarkFacts:
    written = _written(name)
    point = advertised(GROUP).get(name) if not written else None
    distribution = getattr(point, "dist", None) if point else None
    protocol = written.get("protocol", "")
    return BenchmarkFacts(
        name=name, title=written.get("title", name), measures=written.get("measures", ""), subject=written.get("subject", ""),
        protocol=_table()["protocols"].get(protocol, protocol), languages=written.get("languages", ""),
        splits=tuple(written.get("splits", ())), n=written.get("n"), dataset=written.get("dataset", ""),
        package=distribution.name if distribution else "", runs=bool(written) or point is not None, scores=counts.get(name, 0),
    )  # fmt: skip


def _metrics(written: dict[str, Any]) -> tuple[MetricMeaning, ...]:
    names = written.get("metrics") or _table()["groups"].get(written.get("group", ""), ())
    return tuple(MetricMeaning(metric=each, **_table()["metrics"][each]) for each in names)


def _command(name: str, written: dict[str, Any]) -> str:
    if not written:
        return ""
    if "command" in written:
        return str(written["command"])
    judge = " --judge clip-vit-large-patch14" if written["subject"] == "pipeline" else ""
    return f"hub evaluate SUBJECT --benchmark {name} --data FOLDER{judge} --lang zh"


def written_benchmarks() -> tuple[str, ...]:
    """Return the names of the benchmarks that come with linguahub, in the order of the list."""
    return tuple(_all_written())


def _written(name: str) -> dict[str, Any]:
    return _all_written().get(name, {})


@cache
def _all_written() -> dict[str, dict[str, Any]]:
    """Return the benchmarks, each followed by the one of the same data with mCLIP's protocol if there is one."""
    table = _table()
    found: dict[str, dict[str, Any]] = {}
    for name, written in table["benchmarks"].items():
        found[name] = written
        if name in table["mclip"]:
            found[name + MCLIP] = {**written, "title": f"{written['title']}, by mCLIP’s protocol", "protocol": "mclip"}
    return found


@cache
def _table() -> dict[str, Any]:
    import yaml

    source = files("hub.catalogue").joinpath("benchmarks.yaml")
    found: dict[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
    return found
