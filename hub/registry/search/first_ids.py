"""Find the first matches of a search, up to a limit, in no order."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from hub.registry.database.database import MAX_PREFIX
from hub.registry.search.conditions import bit_conditions, id_conditions, one_of, row_conditions, with_row
from hub.registry.search.criteria import OWNER, SearchCriteria, told_by_bits

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_READ = 50_000
"""Maximum number of artifacts that are compared by their bits, instead of reading the text index's lists of all facets and words."""
MAX_ROWS = 4_000
"""Maximum number of artifacts whose rows are read for this."""
MAX_NAMES = 20_000
"""Maximum number of names with the same beginning that are read."""
COMMON = 0.5
"""Minimum share of artifacts with a word for which it is compared last, if other criteria narrow more."""
_NAMED = ("kind", "method", "base")
_ENOUGH = 1.2
"""Number of expected matches among these per wanted one, from which on most such searches find enough."""


def first_ids(
    database: Database, criteria: SearchCriteria, limit: int, counts: Mapping[str, Mapping[str, int]]
) -> list[int]:
    """Return up to `limit` + 1 ids of matches. `counts`: the numbers of artifacts with each value of each facet."""
    named = _first_named(database, criteria, limit)
    if len(named) > limit:
        return named
    if not database.reads_lists_on_demand:  # The text index would read the shortest of its lists to the end.
        artifacts = counts[""].get("", 0)
        compared = sum(counts["language"].get(tag, 0) for tag in criteria.tags) if criteria.tags else artifacts
        by_facets = _by_facets(criteria, counts)
        for each in [by_facets, criteria] if by_facets != criteria else [criteria]:
            if max_read := _max_read(database, each, limit, compared, artifacts):
                found = _first_compared(database, each, limit, max_read)
                if len(found) > limit:
                    return found
    return database.match_ids(criteria.prefixes, criteria.word_groups, limit)


def _first_named(database: Database, criteria: SearchCriteria, limit: int) -> list[int]:
    """Return up to `limit` + 1 ids of artifacts whose name begins with a word of several parts, if this is the only criterion.

    The oldest ones among the first MAX_NAMES names. The text index would read all words that begin so.
    """
    words = criteria.words
    has_list = len(words) == 1 and len(words[0]) <= MAX_PREFIX and database.reads_lists_on_demand
    if len(words) != 1 or "-" not in words[0] or has_list or not replace(criteria, words=()).matches_all:
        return []
    named = "SELECT id FROM artifacts WHERE bare_key >= :low AND bare_key < :high LIMIT :read"
    rows = database.rows(
        f"SELECT id FROM ({named}) AS named ORDER BY id LIMIT :limit",
        {"low": words[0], "high": f"{words[0]}~", "read": MAX_NAMES, "limit": limit + 1},
    )
    return [row[0] for row in rows]


def _by_facets(criteria: SearchCriteria, counts: Mapping[str, Mapping[str, int]]) -> SearchCriteria:
    """Return the criteria with a facet for each word that is the name of one, because artifacts have their kind, method and bases as words.

    Fewer artifacts match these, but they are compared by bits.
    """
    given = {*criteria.columns, *(["base"] if criteria.bases else [])}
    named = dict[str, str]()

    def is_name(group: Sequence[str]) -> bool:
        for term, facet in product(group, _NAMED):
            begin = term.removeprefix(f"_{facet}:")
            values = (value for value in counts[facet] if value == begin or (begin == term and value.startswith(begin)))
            if facet not in given and facet not in named and (value := next(values, "")):
                named[facet] = value
                return True
        return False

    words = tuple(word for word in criteria.words if not is_name([word]))
    alternatives = tuple(group for group in criteria.alternatives if not is_name(group))
    bases = (named.pop("base"),) if "base" in named else criteria.bases
    columns = criteria.columns | {facet: (value,) for facet, value in named.items()}
    told = told_by_bits(columns, counts)
    return replace(criteria, words=words, alternatives=alternatives, bases=bases, columns=columns, told_by_bits=told)


def _max_read(database: Database, criteria: SearchCriteria, limit: int, compared: int, artifacts: int) -> int:
    """Return the maximum number of artifacts, among the first of `compared`, that are compared; 0 if the text index is faster."""
    with_bits = criteria.facets_with_bits
    have_bits = len(with_bits) > bool(criteria.tags)
    if compared <= limit or criteria.name_parts or OWNER in criteria.columns or not (have_bits or criteria.tags):
        return 0
    matching = database.estimate(criteria.prefixes, criteria.word_groups, (), artifacts)
    read_rows = with_bits != criteria.facets or bool(criteria.words)
    if have_bits and read_rows:  # All of the artifacts with these bits, of which some have none of the words.
        read_rows = matching < COMMON * database.estimate((), with_bits, (), artifacts)
    max_read = MAX_READ if have_bits and not read_rows else MAX_ROWS
    return max_read if matching * max_read > _ENOUGH * limit * compared else 0


def _first_compared(database: Database, criteria: SearchCriteria, limit: int, max_read: int) -> list[int]:
    """Return up to `limit` + 1 ids of matches among the first `max_read` of the languages, or else of the most downloaded ones."""
    others = replace(criteria, tags=())
    conditions, values = bit_conditions(others, "own.facet_bits")
    by_id, more = id_conditions(database, others, "own.id")
    of_row, further = row_conditions(database, others, after_bits=True)
    conditions += by_id
    conditions = with_row(conditions, of_row, "own.id")
    first = "SELECT id, facet_bits FROM artifacts ORDER BY downloads DESC, key LIMIT :read"
    if criteria.tags:
        among, wanted = one_of("tag", criteria.tags)
        values |= wanted
        first = f"SELECT artifact_id AS id, tag, facet_bits FROM artifact_languages WHERE {among} ORDER BY tag, artifact_id LIMIT :read"
        if len(criteria.tags) > 1:  # An artifact can have several of them.
            earlier = f"other.artifact_id = own.id AND other.{among} AND other.tag < own.tag"
            conditions.append(f"(SELECT 1 FROM artifact_languages AS other WHERE {earlier} LIMIT 1) IS NULL")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    limits = {"read": max_read, "limit": limit + 1}
    rows = database.rows(
        f"SELECT id FROM ({first}) AS own {where} LIMIT :limit", {**values, **more, **further, **limits}
    )
    return [row[0] for row in rows]
