"""Refuse filters with an unknown value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from hub.errors import UnknownBase, UnknownBenchmark, UnknownKind, UnknownMethod, UnknownMetric
from hub.names import split_values
from hub.plugins import advertised
from hub.records import KINDS, PLAIN, Page, Query

Find = Callable[[Query], Page]
MAX_NAMES = 1000
"""Artifacts whose names and metrics are suggested."""
_MEANT = {"lora": "delta", "loras": "delta", "checkpoint": "base", "pipeline": "base", "text_encoder": "encoder"}
"""Word for a kind that people know from elsewhere → the kind."""


def check_filters(query: Query, find: Find) -> None:
    """Raise the Unknown error of the first filter with an unknown value, with similar values. Call it for an empty result."""
    known = Known(find)
    kinds = {*KINDS, PLAIN, *advertised("hub.kinds")}
    for kind in split_values(query.kind):
        if kind not in kinds and _is_unused(find, Query(kind=kind)):
            listed = {*KINDS, *advertised("hub.kinds"), *known.kinds}
            raise UnknownKind(kind, listed, meant=[_MEANT[kind]] if kind in _MEANT else ())
    for base in split_values(query.base):
        if _bare(base) not in known.bases and _is_unused(find, Query(base=base)):
            raise UnknownBase(base, known.bases)
    for method in split_values(query.method):
        if _is_unused(find, Query(method=method)):
            raise UnknownMethod(method, known.methods)
    check_metric(query.benchmark, query.metric, known.metrics)


def check_metric(benchmark: str, metric: str, known: Iterable[tuple[str, str]]) -> None:
    """Raise UnknownBenchmark or UnknownMetric unless a score has the benchmark and metric. `known`: benchmarks with their metrics."""
    listed = set(known)
    if benchmark and benchmark not in {each for each, _ in listed}:
        raise UnknownBenchmark(benchmark, sorted({each for each, _ in listed}), listing="hub leaderboard")
    metrics = sorted({name for each, name in listed if not benchmark or each == benchmark})
    if metric and metric not in metrics:
        raise UnknownMetric(metric, metrics, listing=f"hub leaderboard {benchmark}".rstrip())


class Known:
    """The values that the artifacts of a hub have. They are read when they are needed."""

    def __init__(self, find: Find) -> None:
        self._page: Page | None = None
        self._find = find

    @property
    def page(self) -> Page:
        """The artifacts, by name, and the facets of all."""
        if self._page is None:
            self._page = self._find(Query(sort="name", limit=MAX_NAMES))
        return self._page

    @property
    def kinds(self) -> list[str]:
        """All kinds."""
        return [*self.page.facets.get("kind", ())]

    @property
    def methods(self) -> list[str]:
        """All methods."""
        return [*self.page.facets.get("method", ())]

    @property
    def bases(self) -> set[str]:
        """The bases, and what modules are made for, without owners."""
        own = {each.name.name.lower() for each in self.page.items if each.kind == "base"}
        return own | {_bare(each) for each in self.page.facets.get("base", ())}

    @property
    def metrics(self) -> set[tuple[str, str]]:
        """Each benchmark with its metrics."""
        return {(score.benchmark, score.metric) for each in self.page.items for score in each.scores}


def _is_unused(find: Find, query: Query) -> bool:
    return find(replace(query, limit=0)).total == 0


def _bare(base: str) -> str:
    return base.rpartition("/")[2].lower()
