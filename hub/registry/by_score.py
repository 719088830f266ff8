"""Finding artifacts by the value of one metric.

Scores of one provenance at a time: a measured number and a reported one cannot be compared. `scores_by_metric` and
`scores_by_language` hold what is asked here in the order of its values, so the best are found by reading from one end.
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hub.records import Query
    from hub.registry.database import Database

_STRIDE = 512
"""Scores read at a time while the best artifacts are looked for: one artifact may have several of them."""
_NARROW = ("metric", "provenance", "benchmark", "split")
"""Columns that are compared as they are."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Which scores count."""

    conditions: tuple[str, ...]
    values: dict[str, Any]
    better: str
    """`up` or `down`."""

    @property
    def where(self) -> str:
        """As SQL about a row of `scores`."""
        return " AND ".join(f"scores.{each}" for each in self.conditions)

    @property
    def exists(self) -> str:
        """As SQL about a row of `artifacts`."""
        return f"EXISTS (SELECT 1 FROM scores WHERE artifact_id = artifacts.id AND {self.where})"

    @property
    def best_first(self) -> str:
        """The order of values."""
        return "DESC" if self.better == "up" else "ASC"


def bound_of(database: Database, query: Query, tags: Sequence[str]) -> Bound:
    """What `query` asks of scores; `tags` are the languages that serve its reader, if it names one."""
    values: dict[str, Any] = {f"score_{name}": found for name in _NARROW if (found := str(getattr(query, name)))}
    conditions = [f"{name.removeprefix('score_')} = :{name}" for name in values]
    if tags:
        names = [f"score_tag_{number}" for number, _ in enumerate(tags)]
        values |= dict(zip(names, tags, strict=True))
        conditions.append(f"language IN ({', '.join(f':{name}' for name in names)})")
    for name, sign in (("least", ">="), ("most", "<=")):
        if (limit := getattr(query, name)) is not None:
            values[f"score_{name}"] = limit
            conditions.append(f"value {sign} :score_{name}")
    known = database.rows("SELECT better FROM scores WHERE metric = :metric LIMIT 1", {"metric": query.metric})
    return Bound(tuple(conditions), values, known[0][0] if known else "up")


def scored(database: Database, bound: Bound, ids: Sequence[int]) -> list[int]:
    """Those of `ids` that have such a score, the best value first."""
    among, values = database.one_of("artifact_id", ids, "ids")
    best = "max" if bound.better == "up" else "min"
    rows = database.rows(
        f"SELECT artifact_id FROM scores WHERE {among} AND {bound.where} "
        f"GROUP BY artifact_id ORDER BY {best}(value) {bound.best_first}, artifact_id",
        {**values, **bound.values},
    )
    return [row[0] for row in rows]


def some_scored(database: Database, bound: Bound, limit: int) -> list[int]:
    """Artifacts with such a score, `limit` and one at most, in no order."""
    rows = database.rows(
        f"SELECT DISTINCT artifact_id FROM scores WHERE {bound.where} LIMIT :limit",
        {**bound.values, "limit": limit + 1},
    )
    return [row[0] for row in rows]


def walk_scores(
    database: Database, bound: Bound, conditions: Sequence[str], values: dict[str, Any], limit: int, offset: int
) -> list[int]:
    """The artifacts that satisfy `conditions`, by their best such score: read from the best end until the page is full."""
    found: dict[int, None] = {}
    place = 0
    narrowed = " AND ".join([bound.where, *conditions])
    while len(found) < offset + limit:
        rows = database.rows(
            f"SELECT scores.artifact_id FROM scores JOIN artifacts ON artifacts.id = scores.artifact_id WHERE {narrowed} "
            f"ORDER BY value {bound.best_first}, scores.artifact_id LIMIT :stride OFFSET :place",
            {**values, **bound.values, "stride": _STRIDE, "place": place},
        )
        found |= dict.fromkeys(row[0] for row in rows)
        place += len(rows)
        if len(rows) < _STRIDE:
            break
    return list(found)[offset : offset + limit]
