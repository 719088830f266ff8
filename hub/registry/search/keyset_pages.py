"""Matches in an order, by reading that order's own index until a page is full: for matches that are dense, or all there is.

A page begins some places from the start, or behind an artifact; the latter costs the same anywhere in the list.
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.registry.index.ranking import UNMEASURED
from hub.registry.search.criteria import COLUMNS_OF_ORDERS, ORDERS, SearchCriteria, conditions_of

if TYPE_CHECKING:
    from hub.registry.database.database import Database

Condition = tuple[str, dict[str, Any]]
"""SQL about a row of `artifacts`, and the values that it needs."""
ANY: Condition = ("", {})
_UNMEASURED: Condition = (f"artifacts.ranking >= {UNMEASURED}", {})


def first_page(
    database: Database, criteria: SearchCriteria, sort: str, limit: int, offset: int, only: Condition = ANY
) -> list[int]:
    """Up to `limit` matches from `offset` on; `only` is one condition beyond the wish."""
    conditions, values = conditions_of(database, criteria)
    conditions += [only[0]] if only[0] else []
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = database.rows(
        f"SELECT id FROM artifacts {where} ORDER BY {ORDERS[sort]} LIMIT :limit OFFSET :offset",
        {**values, **only[1], "limit": limit, "offset": offset},
    )
    return [row[0] for row in rows]


def page_after(
    database: Database, criteria: SearchCriteria, sort: str, limit: int, last: int, only: Condition = ANY
) -> list[int]:
    """Up to `limit` matches behind the artifact `last`.

    Those that stand behind it by the last column alone come first, then those by the column before: each is one range of the index.
    """
    columns = COLUMNS_OF_ORDERS[sort]
    row = database.rows(
        f"SELECT {', '.join(column for column, _ in columns)} FROM artifacts WHERE id = :id", {"id": last}
    )[0]
    ids: list[int] = []
    for depth in reversed(range(len(columns))):
        column, way = columns[depth]
        ranges = [f"{same} = :at_{number}" for number, (same, _) in enumerate(columns[:depth])]
        ranges.append(f"{column} {'<' if way else '>'} :at_{depth}")
        values = {f"at_{number}": row[number] for number in range(depth + 1)}
        condition = " AND ".join([*ranges, *([only[0]] if only[0] else [])])
        ids += first_page(database, criteria, sort, limit - len(ids), 0, (condition, {**values, **only[1]}))
        if len(ids) >= limit:
            break
    return ids


def language_page(
    database: Database, criteria: SearchCriteria, limit: int, offset: int, only: Condition = ANY
) -> list[int]:
    """The first matches for readers of some languages: those with scores by their ranking there, then all others."""
    measured = _measured(database, criteria, offset + limit, only)
    ids = measured[offset:]
    if len(ids) < limit:
        beyond = max(0, offset - len(measured))
        ids += first_page(database, criteria, "score", limit - len(ids), beyond, _both(_UNMEASURED, only))
    return ids


def language_page_after(
    database: Database, criteria: SearchCriteria, limit: int, last: int, only: Condition = ANY
) -> list[int]:
    """As `language_page`, behind the artifact `last`."""
    names = ", ".join(f":{name}" for name in criteria.tag_values)
    own = f"SELECT min(ranking) FROM artifact_languages WHERE artifact_id = :last AND tag IN ({names})"
    place = database.rows(own, {**criteria.tag_values, "last": last})[0][0]
    if place is None or place >= UNMEASURED:
        return page_after(database, criteria, "score", limit, last, _both(_UNMEASURED, only))
    seen = "(before.ranking < :place OR (before.ranking = :place AND before.artifact_id <= :last))"
    behind = (
        "artifact_languages.ranking >= :place AND NOT EXISTS (SELECT 1 FROM artifact_languages AS before "
        f"WHERE before.artifact_id = artifacts.id AND before.tag IN ({names}) AND {seen})"
    )
    ids = _measured(database, criteria, limit, _both((behind, {"place": place, "last": last}), only))
    if len(ids) < limit:
        ids += first_page(database, criteria, "score", limit - len(ids), 0, _both(_UNMEASURED, only))
    return ids


def _both(one: Condition, other: Condition) -> Condition:
    return " AND ".join(each[0] for each in (one, other) if each[0]), {**one[1], **other[1]}


def _measured(database: Database, criteria: SearchCriteria, reach: int, only: Condition = ANY) -> list[int]:
    """Matches with a score in one of the languages, by the best of their rankings there."""
    conditions, values = conditions_of(database, replace(criteria, tags=()))
    narrowed = ["artifact_languages.ranking < :unmeasured", *conditions, *([only[0]] if only[0] else [])]
    walks = " UNION ALL ".join(
        "SELECT * FROM (SELECT artifact_id, artifact_languages.ranking AS place FROM artifact_languages "
        f"JOIN artifacts ON id = artifact_id WHERE tag = :{name} AND {' AND '.join(narrowed)} "
        "ORDER BY artifact_languages.ranking, artifact_id LIMIT :reach) AS walk"
        for name in criteria.tag_values
    )
    rows = database.rows(
        f"SELECT artifact_id FROM ({walks}) AS walks GROUP BY artifact_id ORDER BY min(place), artifact_id LIMIT :reach",
        {**values, **criteria.tag_values, **only[1], "unmeasured": UNMEASURED, "reach": reach},
    )
    return [row[0] for row in rows]
