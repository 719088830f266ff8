"""Say what a search that found nothing may have meant: a filter with an unknown value is an error, a misspelt word a hint."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from hub.errors import UnknownBase, UnknownBenchmark, UnknownKind, UnknownMethod, UnknownMetric
from hub.plugins import advertised
from hub.records import KINDS, PLAIN, Artifact, Page, Query

Find = Callable[[Query], Page]
MAX_NAMES = 1000
"""Artifacts whose words are suggested."""
_MEANT = {"lora": "delta", "loras": "delta", "checkpoint": "base", "pipeline": "base", "text_encoder": "encoder"}
"""Word for a kind that people know from elsewhere → the kind."""


def check_filters(query: Query, find: Find) -> None:
    """Raise the Unknown error of the first filter whose value nothing has, with similar values. Call it for an empty result."""
    known = Known(find)
    if (
        query.kind
        and query.kind not in {*KINDS, PLAIN, *advertised("hub.kinds")}
        and _is_unused(find, Query(kind=query.kind))
    ):
        kinds = {*KINDS, *advertised("hub.kinds"), *known.kinds}
        raise UnknownKind(query.kind, kinds, meant=[_MEANT[query.kind]] if query.kind in _MEANT else ())
    if query.base and _bare(query.base) not in known.bases and _is_unused(find, Query(base=query.base)):
        raise UnknownBase(query.base, known.bases)
    if query.method and _is_unused(find, Query(method=query.method)):
        raise UnknownMethod(query.method, known.methods)
    check_metric(query.benchmark, query.metric, known.metrics)


def check_metric(benchmark: str, metric: str, known: Iterable[tuple[str, str]]) -> None:
    """Raise UnknownBenchmark or UnknownMetric unless a score has the benchmark and metric. `known`: benchmarks with their metrics."""
    listed = set(known)
    if benchmark and benchmark not in {each for each, _ in listed}:
        raise UnknownBenchmark(benchmark, sorted({each for each, _ in listed}), listing="hub leaderboard")
    metrics = sorted({name for each, name in listed if not benchmark or each == benchmark})
    if metric and metric not in metrics:
        raise UnknownMetric(metric, metrics, listing=f"hub leaderboard {benchmark}".rstrip())


def similar_words(text: str, find: Find) -> list[str]:
    """Return words like those in `text` that nothing has, from names, tags, summaries and languages."""
    wrong = [word for word in re.findall(r"[^\W_]+", text.lower()) if find(Query(text=word, limit=0)).total == 0]
    words = set(Known(find).words) if wrong else set()
    wrong = [text.lower(), *wrong] if wrong and text.lower() not in wrong else wrong  # A name, such as `mulan-yo`.
    return list(dict.fromkeys(near for word in wrong for near in difflib.get_close_matches(word, words, 2, 0.7)))


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

    @property
    def words(self) -> Iterator[str]:
        """The words that a search finds."""
        from hub.languages import language_name

        yield from self.methods
        yield from (language_name(tag).lower() for tag in self.page.facets.get("language", ()))
        for artifact in self.page.items:
            yield from _words_of(artifact)


def _words_of(artifact: Artifact) -> Iterator[str]:
    name = artifact.name.name.lower()
    yield name
    for text in (name, artifact.name.owner, artifact.summary, *artifact.tags):
        yield from (word for word in re.findall(r"[^\W_]+", text.lower()) if len(word) > 2)


def _is_unused(find: Find, query: Query) -> bool:
    return find(replace(query, limit=0)).total == 0


def _bare(base: str) -> str:
    return base.rpartition("/")[2].lower()
