"""Finding artifacts by the value of one metric.

Scores of one provenance at a time: a measured number and a reported one cannot be compared. Four indexes hold scores in
the order of their values, by metric, by language, by benchmark and split, and by all of these. What is asked becomes a few
ranges of one of them: the best are found by reading each from one end, and what is nowhere by finding no range.
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.records import Query
    from hub.registry.database.database import Database

MAX_RANGES = 60
"""Ranges that one question reads; with more benchmarks, splits and languages than that, scores are looked at one by one."""
_SPARE = 2
"""Scores read for each artifact that is wanted, at first: one artifact may have several of them."""


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """Which scores count."""

    ranges: tuple[str, ...]
    """SQL about a row of `scores`, any of which will do: each the beginning of an index by value."""
    limits: str
    """SQL about the value; empty without bounds."""
    conditions: tuple[str, ...]
    """SQL about a row of `scores` without the limits, all of which must hold: the same as `ranges`."""
    values: dict[str, Any]
    better: str
    """`up` or `down`."""

    @property
    def where(self) -> str:
        """As SQL about a row of `scores` that its artifact leads to.

        The empty strings keep databases from reading an index by metric for each artifact.
        """
        own = [f"scores.{column} || '' {rest}" for column, _, rest in (each.partition(" ") for each in self.conditions)]
        return " AND ".join([*own, *([self.limits] if self.limits else [])])

    @property
    def exists(self) -> str:
        """As SQL about a row of `artifacts`."""
        return f"EXISTS (SELECT 1 FROM scores WHERE scores.artifact_id = artifacts.id AND {self.where})"

    @property
    def best_first(self) -> str:
        """The order of values, and of equal ones."""
        return "DESC" if self.better == "up" else "ASC"

    def of_each_range(self, question: str, end: str) -> str:
        """One question about `scores` for all ranges, `end` ending it for each."""
        more = f" AND {self.limits}" if self.limits else ""
        asked = (f"SELECT * FROM ({question} {one}{more} {end}) AS part" for one in self.ranges)
        return f"({' UNION ALL '.join(asked)}) AS parts"


def metric_filter(database: Database, query: Query, tags: Sequence[str]) -> MetricFilter:
    """What `query` asks of scores; `tags` are the languages that serve its reader, if it names one."""
    values: dict[str, Any] = {"score_metric": query.metric, "score_provenance": str(query.provenance)}
    names = {f"score_tag_{number}": tag for number, tag in enumerate(tags)}
    conditions = ["metric = :score_metric", "provenance = :score_provenance"]
    conditions += [f"language IN ({', '.join(f':{name}' for name in names)})"] if tags else []
    start = "scores.metric = :score_metric AND scores.provenance = :score_provenance"
    starts = [f"scores.language = :{name} AND {start}" for name in names] or [start]
    limits = []
    for name, sign in (("min_value", ">="), ("max_value", "<=")):
        if (limit := getattr(query, name)) is not None:
            values[f"score_{name}"] = limit
            limits.append(f"scores.value {sign} :score_{name}")
    if query.benchmark or query.split:
        trials, of_trials = _trials(database, query)
        for column in ("benchmark", "split"):
            if wanted := getattr(query, column):
                conditions.append(f"{column} = :score_{column}")
                values[f"score_{column}"] = wanted
        if len(trials) * len(starts) <= MAX_RANGES:
            starts = [f"{one} AND {trial}" for one, trial in product(starts, trials)]
            values |= of_trials
        else:
            starts = [" AND ".join(f"scores.{each}" for each in conditions)]
    known = database.rows("SELECT better FROM scores WHERE metric = :metric LIMIT 1", {"metric": query.metric})
    better = known[0][0] if known else "up"
    return MetricFilter(tuple(starts), " AND ".join(limits), tuple(conditions), values | names, better)


def _trials(database: Database, query: Query) -> tuple[list[str], dict[str, Any]]:
    """The benchmarks and splits with scores of the metric that `query` lets in, each as SQL, and their values.

    The index is read from one to the next: there are few, whatever the number of scores.
    """
    known = {"metric": query.metric, "provenance": str(query.provenance)}
    found: list[tuple[str, str]] = []
    for benchmark in _names(database, known, "benchmark", query.benchmark):
        for split in _names(database, {**known, "benchmark": benchmark}, "split", query.split):
            found.append((benchmark, split))
            if len(found) > MAX_RANGES:
                break
    sql = [
        f"scores.benchmark = :benchmark_{number} AND scores.split = :split_{number}" for number, _ in enumerate(found)
    ]
    values = {
        f"{name}_{number}": value
        for number, pair in enumerate(found)
        for name, value in zip(("benchmark", "split"), pair, strict=True)
    }
    return sql, values


def _names(database: Database, known: dict[str, str], column: str, wanted: str) -> Iterator[str]:
    """The values of `column` among the scores with these values of others: `wanted` alone, if it is there and not empty."""
    same = " AND ".join(f"{name} = :{name}" for name in known)
    last, sign = wanted, "=" if wanted else ">="
    for _ in range(MAX_RANGES + 1):
        question = f"SELECT {column} FROM scores WHERE {same} AND {column} {sign} :last ORDER BY {column} LIMIT 1"
        rows = database.rows(question, {**known, "last": last})
        if not rows:
            return
        last, sign = rows[0][0], ">"
        yield last
        if wanted:
            return


def sort_by_score(database: Database, bound: MetricFilter, ids: Sequence[int]) -> list[int]:
    """Those of `ids` that have such a score, the best value first."""
    among, values = database.in_list("scores.artifact_id", ids, "ids")
    best = "max" if bound.better == "up" else "min"
    rows = database.rows(
        f"SELECT artifact_id FROM scores WHERE {among} AND {bound.where} "
        f"GROUP BY artifact_id ORDER BY {best}(value) {bound.best_first}, artifact_id {bound.best_first}",
        {**values, **bound.values},
    )
    return [row[0] for row in rows]


def artifacts_with_score(database: Database, bound: MetricFilter, limit: int) -> list[int]:
    """Artifacts with such a score, `limit` and one at most, in no order."""
    if not bound.ranges:
        return []
    parts = bound.of_each_range("SELECT DISTINCT scores.artifact_id FROM scores WHERE", "LIMIT :limit")
    rows = database.rows(f"SELECT DISTINCT artifact_id FROM {parts} LIMIT :limit", {**bound.values, "limit": limit + 1})
    return [row[0] for row in rows]


def score_page(
    database: Database, bound: MetricFilter, conditions: Sequence[str], values: dict[str, Any], limit: int, offset: int
) -> list[int]:
    """The artifacts that satisfy `conditions`, by their best such score: read from the best ends until the page is full."""
    if not bound.ranges or not limit:
        return []
    joined = "JOIN artifacts ON artifacts.id = scores.artifact_id " if conditions else ""
    question = f"SELECT scores.artifact_id, scores.value FROM scores {joined}WHERE {' AND '.join([*conditions, ''])}"
    order = f"ORDER BY value {bound.best_first}, artifact_id {bound.best_first} LIMIT :stride"
    parts = bound.of_each_range(
        question, order.replace("value", "scores.value").replace(" artifact_id", " scores.artifact_id")
    )
    stride = _SPARE * (offset + limit)
    while True:
        rows = database.rows(f"SELECT artifact_id FROM {parts} {order}", {**values, **bound.values, "stride": stride})
        found = list(dict.fromkeys(row[0] for row in rows))
        if len(found) >= offset + limit or len(rows) < stride:
            return found[offset : offset + limit]
        stride *= 4
