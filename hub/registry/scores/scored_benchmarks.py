"""List the benchmarks with scores, and their metrics, data and languages.

An index lists scores by benchmark, metric and language. It is read from each distinct value to the next, so the cost grows with what is
listed and not with the number of scores. Where private artifacts exist, each value is listed only if `readers` may see a score with it.
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from hub.records import Provenance
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.scores.rankings import JOINED, Ranking, distinct_rankings

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_BENCHMARKS = 500
"""Benchmarks of a list."""
MAX_METRICS = 60
"""Metrics of a benchmark."""
MAX_LANGUAGES = 500
"""Languages of a metric."""
COUNTED = 10_000
"""Scores that are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredMetric:
    """A metric with scores on a benchmark."""

    metric: str
    unit: str
    better: str
    """`up` or `down`."""
    provenances: tuple[str, ...]
    """The most trusted first."""
    rankings: tuple[Ranking, ...]
    """Properties of comparable scores: data, splits and numbers of prompts."""
    scores: int
    """At most COUNTED."""


def scored_benchmarks(database: Database, readers: tuple[str, ...] | None) -> dict[str, int]:
    """Return the benchmarks that have scores, by name, with their number of scores, at most COUNTED."""
    found = islice(_distinct(database, "benchmark", {}, _hidden(database, readers)), MAX_BENCHMARKS)
    return {each: _count(database, {"benchmark": each}, _hidden(database, readers)) for each in found}


def scored_metrics(database: Database, benchmark: str, readers: tuple[str, ...] | None) -> list[ScoredMetric]:
    """Return the metrics that have scores on a benchmark, those with the most scores first."""
    hidden = _hidden(database, readers)
    found = []
    for metric in islice(_distinct(database, "metric", {"benchmark": benchmark}, hidden), MAX_METRICS):
        known = {"benchmark": benchmark, "metric": metric}
        rankings = {
            (provenance, ranking)
            for provenance in Provenance
            for ranking in distinct_rankings(database, metric, provenance, benchmark=benchmark)
            if _is_visible(database, {"metric": metric, "provenance": str(provenance), **_columns(ranking)}, hidden)
        }
        one = min((ranking for _, ranking in rankings), default=None)
        if one is None:
            continue
        found.append(
            ScoredMetric(
                metric=metric, unit=one.unit, better=one.better,
                provenances=tuple(each.value for each in Provenance if any(own is each for own, _ in rankings)),
                rankings=tuple(sorted({ranking for _, ranking in rankings})), scores=_count(database, known, hidden),
            )
        )  # fmt: skip
    return sorted(found, key=lambda each: (-each.scores, each.metric))


def scored_languages(
    database: Database, benchmark: str, metric: str, readers: tuple[str, ...] | None
) -> tuple[str, ...]:
    """Return the languages that have scores of a metric on a benchmark, by tag."""
    known = {"benchmark": benchmark, "metric": metric}
    found = islice(_distinct(database, "language", known, _hidden(database, readers)), MAX_LANGUAGES)
    return tuple(each for each in found if each)


def benchmarks_in_language(database: Database, language: str, readers: tuple[str, ...] | None) -> frozenset[str]:
    """Return the benchmarks that have a score in a language."""
    hidden = _hidden(database, readers)
    return frozenset(
        benchmark
        for metric in islice(_distinct(database, "metric", {"language": language}, hidden), MAX_METRICS)
        for provenance in Provenance
        for benchmark in islice(
            _distinct(
                database, "benchmark", {"language": language, "metric": metric, "provenance": str(provenance)}, hidden
            ),
            MAX_BENCHMARKS,
        )
    )


def _hidden(database: Database, readers: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return `readers` if there are private artifacts, whose scores must be excluded."""
    has_private = bool(database.rows("SELECT 1 FROM artifacts WHERE private = TRUE LIMIT 1"))
    return readers if has_private else None


def _distinct(database: Database, column: str, known: dict[str, str], readers: tuple[str, ...] | None) -> Iterator[str]:
    """Yield the visible values of a column among scores with the `known` values, in order."""
    same = "".join(f"{name} = :{name} AND " for name in known)
    last, later = "", f"{column} >= :last"
    while True:
        question = f"SELECT {column} FROM scores WHERE {same}{later} ORDER BY {column} LIMIT 1"
        rows = database.rows(question, {**known, "last": last})
        if not rows:
            return
        last, later = rows[0][0], f"{column} > :last"
        if _is_visible(database, {**known, column: last}, readers):
            yield last


def _columns(ranking: Ranking) -> dict[str, str]:
    return {name.removeprefix("ranking_"): value for name, value in ranking.values.items()}


def _is_visible(database: Database, known: dict[str, str], readers: tuple[str, ...] | None) -> bool:
    return readers is None or _count(database, known, readers, 1) > 0


def _count(database: Database, known: dict[str, str], readers: tuple[str, ...] | None, limit: int = COUNTED) -> int:
    """Return the number of visible scores with the `known` values, at most `limit`."""
    joined, more, values = "", "", dict[str, object](known)
    if readers is not None:
        condition, reading = visibility_condition(readers)
        joined, more = JOINED, f" AND (NOT private OR {condition})"
        values |= reading
    same = " AND ".join(f"scores.{name} = :{name}" for name in known)
    question = f"SELECT count(*) FROM (SELECT 1 FROM scores {joined} WHERE {same}{more} LIMIT :limit) AS counted"
    return int(database.rows(question, {**values, "limit": limit})[0][0])
