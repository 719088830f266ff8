"""Sort matches, and count their facets."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hub.registry.accounts.visibility import visibility_condition
from hub.registry.index.ranking import UNMEASURED
from hub.registry.search.criteria import ORDER_BY, SearchCriteria

if TYPE_CHECKING:
    from hub.registry.database.database import Database, ResultRow

FACETS = ("kind", "method", "license", "language", "base")
ALL = SearchCriteria((), {}, (), ())
Counts = dict[str, dict[str, int]]


def facet_counts(database: Database) -> Counts:
    """Return the number of public artifacts with each value of each facet, most frequent first."""
    counts: Counts = {facet: {} for facet in (*FACETS, "")}
    among, values = database.in_list("facet", list(counts), "facets")  # There are too many owners.
    for facet, value, number in database.rows(
        f"SELECT facet, value, artifacts FROM facet_counts WHERE {among} AND artifacts > 0 ORDER BY artifacts DESC, value",
        values,
    ):
        counts[facet][value] = number
    return counts


def add_private_counts(database: Database, readers: tuple[str, ...] | None, counts: Counts) -> None:
    """Add the visible private artifacts to `counts`. They differ between readers, so their counts are not stored."""
    condition, values = visibility_condition(readers)
    ids = [row[0] for row in database.rows(f"SELECT id FROM artifacts WHERE private = TRUE AND {condition}", values)]
    if not ids:
        return
    counts[""][""] = counts[""].get("", 0) + len(ids)
    for facet, numbers in rank(database, ALL, "name", ids)[1].items():
        sums = Counter(counts[facet])
        sums.update(numbers)
        counts[facet] = dict(sorted(sums.items(), key=_most_frequent_first))


def rank(database: Database, criteria: SearchCriteria, sort: str, ids: Sequence[int]) -> tuple[list[int], Counts]:
    """Return `ids` sorted, and their facet counts."""
    if not ids:
        return [], {facet: {} for facet in FACETS}
    rows = _sorted_rows(database, criteria, sort, ids, "id, kind, method, license")
    counters: dict[str, Counter[str]] = defaultdict(Counter)
    for _, kind, method, license in rows:
        counters["kind"][kind] += 1
        counters["method"][method] += 1
        counters["license"][license] += 1
    among, values = database.in_list("artifact_id", ids, "ids")
    for facet, column, table in (("language", "tag", "artifact_languages"), ("base", "base", "artifact_bases")):
        counters[facet].update(row[0] for row in database.rows(f"SELECT {column} FROM {table} WHERE {among}", values))
    facets = {
        facet: dict(
            sorted(((value, number) for value, number in counters[facet].items() if value), key=_most_frequent_first)
        )
        for facet in FACETS
    }
    return [row[0] for row in rows], facets


def sort_ids(database: Database, criteria: SearchCriteria, sort: str, ids: Sequence[int]) -> list[int]:
    """Return `ids` sorted."""
    return [row[0] for row in _sorted_rows(database, criteria, sort, ids, "id")]


def _sorted_rows(
    database: Database, criteria: SearchCriteria, sort: str, ids: Sequence[int], columns: str
) -> Sequence[ResultRow]:
    among, values = database.in_list("id", ids, "ids")
    if not (sort == "score" and criteria.tags):
        return database.rows(f"SELECT {columns} FROM artifacts WHERE {among} ORDER BY {ORDER_BY[sort]}", values)
    ranked = f"SELECT {columns}, downloads, key, {criteria.rank_for_languages} AS rank FROM artifacts WHERE {among}"
    return database.rows(
        f"SELECT {columns} FROM ({ranked}) AS ranked "
        f"ORDER BY rank, CASE WHEN rank < {UNMEASURED} THEN id ELSE 0 END, downloads DESC, key",  # As in the index of languages.
        {**values, **criteria.tag_values},
    )


def _most_frequent_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
