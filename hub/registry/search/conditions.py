"""Find artifacts that satisfy the criteria of a search, as SQL."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from hub.registry.accounts.visibility import visibility_condition
from hub.registry.index.facet_bits import bits_in
from hub.registry.search.criteria import OWNER, SearchCriteria, facet_group

if TYPE_CHECKING:
    from hub.registry.database.database import Database


def conditions_of(
    database: Database, criteria: SearchCriteria, *, first: Sequence[str] = (), then: Sequence[str] = ()
) -> tuple[list[str], dict[str, Any]]:
    """Return SQL conditions on a row of `artifacts`, and their parameters.

    `first` and `then` are further conditions that need no row, but its id: the first ones are the fastest, the others the slowest of these.
    """
    by_bits, bits = bit_conditions(criteria, "artifacts.facet_bits")
    by_id, values = id_conditions(database, criteria, "artifacts.id")
    of_row, more = row_conditions(database, criteria, after_bits=True)
    # Indexes of sort orders contain the key, too. Keys of data sets have a prefix, which does not belong to the name.
    parts = () if criteria.among is not None else range(len(criteria.name_parts))
    by_key = [f"artifacts.key LIKE :part_{number} ESCAPE '!'" for number in parts]
    by_index = [*by_bits, *by_key, *first, *by_id, *then]
    conditions = [*by_index, *of_row]
    if by_index and of_row:
        conditions = [database.in_turn(" AND ".join(by_index), " AND ".join(of_row))]
    return conditions, bits | values | more


def bit_conditions(criteria: SearchCriteria, column: str) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions on the bits of facets in `column`, and their parameters: all matches satisfy these, and few others.

    See `hub.registry.index.facet_bits`.
    """
    if criteria.among is not None:
        return [], {}
    groups = [sorted({bits_in([word]) for word in group}) for group in criteria.facets_with_bits]
    # Values that are all wanted are compared together.
    single = reduce(or_, (group[0] for group in groups if len(group) == 1), 0)
    conditions = list[str]()
    values = dict[str, Any]()
    for group in [*([[single]] if single else []), *sorted((each for each in groups if len(each) > 1), key=len)]:
        names = {f"bits_{len(values) + number}": bits for number, bits in enumerate(group)}
        conditions.append(f"({' OR '.join(f'({column} & :{name}) = :{name}' for name in names)})")
        values |= names
    return conditions, values


def id_conditions(database: Database, criteria: SearchCriteria, column: str) -> tuple[list[str], dict[str, Any]]:
    """Return those conditions, and their parameters, that do not need the row of an artifact, but its id, which is in `column`."""
    if criteria.among is not None:
        condition, values = database.in_set(column, criteria.among, "among")
        return [condition], values
    conditions = list[str]()
    values = {}
    for table, name, wanted in (
        ("artifact_bases", "base_key", criteria.bases), ("artifact_languages", "tag", criteria.tags),
    ):  # fmt: skip
        if not wanted:
            continue
        among, more = one_of(name, wanted)
        # A scalar query is looked up for each row; `EXISTS` can be a join with all artifacts of a language.
        has = f"SELECT 1 FROM {table} AS has WHERE has.artifact_id = {column} AND has.{among} LIMIT 1"
        conditions.append(f"({has}) IS NOT NULL")
        values |= more
    return conditions, values


def one_of(column: str, wanted: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return the condition that a column has one of few values, and its parameters."""
    names = {f"wanted_{column}_{number}": each for number, each in enumerate(wanted)}
    return f"{column} IN ({', '.join(f':{each}' for each in names)})", names


def row_conditions(
    database: Database, criteria: SearchCriteria, *, after_bits: bool = False
) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions that need the row of an artifact, and their parameters.

    `after_bits`: without those that the bits of facets tell, if `bit_conditions` hold, too.
    """
    if criteria.among is not None:
        criteria = SearchCriteria(criteria.words, {}, (), ())
    values: dict[str, Any] = {}
    conditions = _visible(criteria, values)
    facets = criteria.other_facets
    for facet, wanted in criteria.columns.items():
        if facet == OWNER:
            facets.append(facet_group((facet, wanted)))
        elif not (after_bits and facet in criteria.told_by_bits):
            condition, more = database.in_set(facet, wanted, f"{facet}_values")
            conditions.append(condition)
            values |= more
    if criteria.words or facets:
        condition, more = database.match_condition(criteria.words, facets)
        conditions.append(condition)
        values |= more
    fine, more = _fine_conditions(criteria)
    return [*conditions, *fine], values | more


def filter_matches(database: Database, criteria: SearchCriteria, ids: Sequence[int]) -> list[int]:
    """Keep the `ids` of artifacts that match, in order. Languages and bases are looked up without reading rows."""
    conditions, values = id_conditions(database, criteria, "own.id")
    of_row, more = row_conditions(database, criteria)
    conditions = with_row(conditions, of_row, "own.id")
    if not conditions or not ids:
        return list(ids)
    own, listed = database.listed(ids, "ids")
    rows = database.rows(f"SELECT id FROM {own} AS own WHERE {' AND '.join(conditions)}", {**values, **more, **listed})
    found = {row[0] for row in rows}
    return [each for each in ids if each in found]


def with_row(conditions: Sequence[str], of_row: Sequence[str], column: str) -> list[str]:
    """Return the conditions together with those on the row of the artifact whose id is in `column`, which is looked up last."""
    if not of_row:
        return list(conditions)
    row = f"(SELECT 1 FROM artifacts WHERE artifacts.id = {column} AND {' AND '.join(of_row)} LIMIT 1) IS NOT NULL"
    return [f"CASE WHEN {' AND '.join(conditions)} THEN {row} ELSE FALSE END" if conditions else row]


def filter_exactly(database: Database, criteria: SearchCriteria, ids: Sequence[int]) -> list[int]:
    """Keep the `ids` that `readers` may see and that match exactly, in order.

    The index matches name parts and the number of parameters only approximately.
    """
    conditions, values = _fine_conditions(criteria)
    return filter_ids(database, ids, [*_visible(criteria, values), *conditions], values)


def filter_ids(
    database: Database, ids: Sequence[int], conditions: Sequence[str], values: Mapping[str, Any]
) -> list[int]:
    """Keep the `ids` of artifacts that satisfy all conditions, in order."""
    if not conditions or not ids:
        return list(ids)
    among, more = database.in_list("id", ids, "ids")
    found = database.rows(f"SELECT id FROM artifacts WHERE {' AND '.join([among, *conditions])}", {**values, **more})
    kept = {row[0] for row in found}
    return [each for each in ids if each in kept]


def _visible(criteria: SearchCriteria, values: dict[str, Any]) -> list[str]:
    """Return the condition that `readers` may see an artifact, if some are private, and add its parameters to `values`."""
    if criteria.readers is None:
        return []
    condition, more = visibility_condition(criteria.readers)
    values |= more
    return [f"(NOT private OR {condition})"]


def _fine_conditions(criteria: SearchCriteria) -> tuple[list[str], dict[str, Any]]:
    """Return the conditions that the index cannot decide, as SQL, and their parameters."""
    conditions = [
        f"lower(owner || '/' || name) LIKE :part_{number} ESCAPE '!'" for number, _ in enumerate(criteria.name_parts)
    ]
    values: dict[str, Any] = {
        f"part_{number}": f"%{part.replace('_', '!_')}%" for number, part in enumerate(criteria.name_parts)
    }
    if criteria.parameters:
        conditions.append("parameters BETWEEN :least_parameters AND :most_parameters")
        values["least_parameters"], values["most_parameters"] = criteria.parameters
    return conditions, values
