"""Translate a query into SQL conditions, and define the sort orders."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hub.registry.accounts.visibility import visibility_condition
from hub.registry.index.ranking import FOREIGN_LANGUAGE, UNMEASURED
from hub.registry.index.tags import name_part_prefix, name_part_words
from hub.registry.index.text import facet_word

if TYPE_CHECKING:
    from hub.registry.database.database import Database

SORT_COLUMNS = {
    "score": (("ranking", ""), ("downloads", "DESC"), ("key", "")),
    "updated": (("updated_at", "DESC"), ("key", "")),
    "downloads": (("downloads", "DESC"), ("key", "")),
    "name": (("bare_key", ""), ("key", "")),
    "created": (("created_at", "DESC"), ("key", "")),
    "likes": (("likes", "DESC"), ("key", "")),
    "trend": (("trending", "DESC"), ("key", "")),
}
"""Sort order → columns and directions. Each order has an index."""
ORDER_BY = {
    sort: ", ".join(f"{column} {way}".rstrip() for column, way in columns) for sort, columns in SORT_COLUMNS.items()
}


@dataclasses.dataclass(frozen=True, slots=True)
class SearchCriteria:
    """A query in the terms of the index: all word prefixes and all facets must match, and one of the languages."""

    words: tuple[str, ...]
    columns: dict[str, str]
    """Column → required value, in lower case."""
    bases: tuple[str, ...]
    """Names of a base, without owners and in lower case, of which one must match."""
    tags: tuple[str, ...]
    """Languages, of which one must match."""
    impossible: bool = False
    """Whether nothing can match: the text contains no word, or a name part has characters that no name has."""
    readers: tuple[str, ...] | None = None
    """Owners whose private artifacts are included; None for no restriction."""
    name_parts: tuple[str, ...] = ()
    """Parts of `owner/name`, in lower case, that must all match."""
    required_tags: tuple[tuple[str, ...], ...] = ()
    """Groups of index words for tags, type, gating and size; an artifact must have one word of each group."""
    parameters: tuple[int, int] | None = None

    @property
    def prefixes(self) -> list[str]:
        """Prefixes, for each of which an artifact must have a word that starts with it."""
        return [*self.words, *dict.fromkeys(word for part in self.name_parts for word in name_part_prefix(part))]

    @property
    def word_groups(self) -> list[list[str]]:
        """`facets`, and the trigrams of the name parts."""
        words = dict.fromkeys(word for part in self.name_parts for word in name_part_words(part))
        return [*self.facets, *([word] for word in words)]

    @property
    def facets(self) -> list[list[str]]:
        """Groups of index words; an artifact must have one word of each group."""
        groups = [[facet_word(facet, value)] for facet, value in self.columns.items()]
        groups += [[facet_word("base", name) for name in self.bases]] if self.bases else []
        groups += [[facet_word("language", tag) for tag in self.tags]] if self.tags else []
        return groups + [list(group) for group in self.required_tags]

    @property
    def matches_all(self) -> bool:
        """Whether every artifact matches."""
        return not (self.facets or self.words or self.name_parts or self.impossible)

    @property
    def tag_values(self) -> dict[str, str]:
        """The languages as SQL parameters."""
        return {f"tag_{number}": tag for number, tag in enumerate(self.tags)}

    @property
    def rank_for_languages(self) -> str:
        """SQL for an artifact's rank among readers of the languages: its best score; scores in other languages rank far lower."""
        names = ", ".join(f":{name}" for name in self.tag_values)
        own = f"ranking + CASE WHEN language IN ({names}) THEN 0 ELSE {FOREIGN_LANGUAGE} END"
        best = f"SELECT min({own}) FROM scores WHERE artifact_id = artifacts.id AND ranking < {UNMEASURED}"
        return f"coalesce(({best}), {UNMEASURED})"


def conditions_of(database: Database, criteria: SearchCriteria) -> tuple[list[str], dict[str, Any]]:
    """Return SQL conditions on a row of `artifacts`, and their parameters."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if criteria.readers is not None:
        condition, more = visibility_condition(criteria.readers)
        conditions.append(f"(NOT private OR {condition})")
        values |= more
    if criteria.words or criteria.facets:
        condition, more = database.match_condition(criteria.words, criteria.facets)
        conditions.append(condition)
        values |= more
    fine, more = _row_conditions(criteria)
    return [*conditions, *fine], values | more


def filter_exactly(database: Database, criteria: SearchCriteria, ids: Sequence[int]) -> list[int]:
    """Keep the `ids` whose name parts and number of parameters match exactly, in order. The index matches both only approximately."""
    conditions, values = _row_conditions(criteria)
    if not conditions or not ids:
        return list(ids)
    among, more = database.in_list("id", ids, "ids")
    found = database.rows(f"SELECT id FROM artifacts WHERE {' AND '.join([among, *conditions])}", {**values, **more})
    kept = {row[0] for row in found}
    return [each for each in ids if each in kept]


def _row_conditions(criteria: SearchCriteria) -> tuple[list[str], dict[str, Any]]:
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
