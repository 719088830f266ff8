"""Read pages of matches from the index of a sort order, for frequent matches or for all artifacts.

A page starts at an offset or after an artifact; the latter (keyset pagination) costs the same for every page.
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.registry.index.ranking import UNMEASURED
from hub.registry.search.conditions import bit_conditions, conditions_of, id_conditions, row_conditions
from hub.registry.search.criteria import ORDER_BY, SORT_COLUMNS, SearchCriteria

if TYPE_CHECKING:
    from hub.registry.database.database import Database

Condition = tuple[str, dict[str, Any]]
"""SQL about a row of `artifacts`, and its parameters."""
ANY: Condition = ("", {})
_UNMEASURED: Condition = (f"artifacts.ranking >= {UNMEASURED}", {})


def first_page(
    database: Database, criteria: SearchCriteria, sort: str, limit: int, offset: int, only: Condition = ANY
) -> list[int]:
    """Return up to `limit` matches from `offset` on. `only` is a condition in addition to the criteria."""
    conditions, values = conditions_of(database, criteria)
    conditions += [only[0]] if only[0] else []
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    with database.in_order():
        rows = database.rows(
            f"SELECT id FROM artifacts {where} ORDER BY {ORDER_BY[sort]} LIMIT :limit OFFSET :offset",
            {**values, **only[1], "limit": limit, "offset": offset},
        )
    return [row[0] for row in rows]


def page_after(
    database: Database, criteria: SearchCriteria, sort: str, limit: int, last: int, only: Condition = ANY
) -> list[int]:
    """Return up to `limit` matches after the artifact `last`.

    First come rows that equal it in all sort columns but the last one, then those that equal it in all but the last two, and so
    on: each is one range of the index.
    """
    columns = SORT_COLUMNS[sort]
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
    """Return up to `limit` matches from `offset` on: those with scores in the languages by their ranking there, then all others."""
    measured = _measured_first(database, criteria, offset + limit, only)
    ids = measured[offset:]
    if len(ids) < limit:
        beyond = max(0, offset - len(measured))
        ids += first_page(database, criteria, "score", limit - len(ids), beyond, _both(_UNMEASURED, only))
    return ids


def language_page_after(
    database: Database, criteria: SearchCriteria, limit: int, last: int, only: Condition = ANY
) -> list[int]:
    """Like `language_page`, after the artifact `last`."""
    names = ", ".join(f":{name}" for name in criteria.tag_values)
    own = f"SELECT min(ranking) FROM artifact_languages WHERE artifact_id = :last AND tag IN ({names})"
    rank = database.rows(own, {**criteria.tag_values, "last": last})[0][0]
    if rank is None or rank >= UNMEASURED:
        return page_after(database, criteria, "score", limit, last, _both(_UNMEASURED, only))
    seen = "(before.ranking < :rank OR (before.ranking = :rank AND before.artifact_id <= :last))"
    after = (
        "artifact_languages.ranking >= :rank AND NOT EXISTS (SELECT 1 FROM artifact_languages AS before "
        f"WHERE before.artifact_id = artifacts.id AND before.tag IN ({names}) AND {seen})"
    )
    ids = _measured_first(database, criteria, limit, _both((after, {"rank": rank, "last": last}), only))
    if len(ids) < limit:
        ids += first_page(database, criteria, "score", limit - len(ids), 0, _both(_UNMEASURED, only))
    return ids


def _both(one: Condition, other: Condition) -> Condition:
    return " AND ".join(each[0] for each in (one, other) if each[0]), {**one[1], **other[1]}


def _measured_first(database: Database, criteria: SearchCriteria, limit: int, only: Condition = ANY) -> list[int]:
    """Return up to `limit` matches with a score in one of the languages, by the best of their rankings there."""
    others = replace(criteria, tags=())
    conditions, values = bit_conditions(others, "artifact_languages.facet_bits")
    by_id, more = id_conditions(database, others, "artifact_languages.artifact_id")
    conditions, values = [*conditions, *by_id], values | more
    of_row, more = row_conditions(database, others, after_bits=True)
    of_row += [only[0]] if only[0] else []
    joined = "JOIN artifacts ON id = artifact_id" if of_row else ""
    narrowed = ["artifact_languages.ranking < :unmeasured", *conditions, *of_row]
    values |= more
    pages = " UNION ALL ".join(
        "SELECT * FROM (SELECT artifact_id, artifact_languages.ranking AS rank FROM artifact_languages "
        f"{joined} WHERE tag = :{name} AND {' AND '.join(narrowed)} "
        "ORDER BY artifact_languages.ranking, artifact_id LIMIT :limit) AS page"
        for name in criteria.tag_values
    )
    with database.in_order():
        rows = database.rows(
            f"SELECT artifact_id FROM ({pages}) AS pages GROUP BY artifact_id ORDER BY min(rank), artifact_id LIMIT :limit",
            {**values, **criteria.tag_values, **only[1], "unmeasured": UNMEASURED, "limit": limit},
        )
    return [row[0] for row in rows]
