"""What a search asks for, as the database is asked, and the orders in which it answers."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hub.registry.accounts.visibility import owned
from hub.registry.index.ranking import FOREIGN_LANGUAGE, UNMEASURED
from hub.registry.index.tags import part_prefix, part_words
from hub.registry.index.text import facet_word

if TYPE_CHECKING:
    from hub.registry.database.database import Database

COLUMNS_OF_ORDERS = {
    "score": (("ranking", ""), ("downloads", "DESC"), ("key", "")),
    "updated": (("updated_at", "DESC"), ("key", "")),
    "downloads": (("downloads", "DESC"), ("key", "")),
    "name": (("bare_key", ""), ("key", "")),
    "created": (("created_at", "DESC"), ("key", "")),
    "likes": (("likes", "DESC"), ("key", "")),
    "trend": (("trending", "DESC"), ("key", "")),
}
"""Each has an index of its own."""
ORDERS = {
    sort: ", ".join(f"{column} {way}".rstrip() for column, way in columns)
    for sort, columns in COLUMNS_OF_ORDERS.items()
}


@dataclasses.dataclass(frozen=True, slots=True)
class SearchCriteria:
    """A query as the database is asked: every word's beginning, every facet, and of several languages one."""

    words: tuple[str, ...]
    columns: dict[str, str]
    """Column → value in lower case."""
    base: str
    tags: tuple[str, ...]
    """Languages, any of which will do."""
    impossible: bool = False
    """Text was asked for that holds no word."""
    readers: tuple[str, ...] | None = None
    """Owners whose private artifacts are shown; None where nothing has to be left out."""
    parts: tuple[str, ...] = ()
    """Of the key, in lower case."""
    marks: tuple[tuple[str, ...], ...] = ()
    """Groups of further words of the index, one of each of which an artifact must have."""
    parameters: tuple[int, int] | None = None

    @property
    def beginnings(self) -> list[str]:
        """Words of the index, with each of which one of an artifact's must begin."""
        return [*self.words, *dict.fromkeys(word for part in self.parts for word in part_prefix(part))]

    @property
    def groups(self) -> list[list[str]]:
        """As `facets`, and the whole words that parts of names lead to."""
        words = dict.fromkeys(word for part in self.parts for word in part_words(part))
        return [*self.facets, *([word] for word in words)]

    @property
    def facets(self) -> list[list[str]]:
        """Groups of words of the index, one of each of which an artifact must have."""
        groups = [[facet_word(facet, value)] for facet, value in self.columns.items()]
        groups += [[facet_word("base", self.base)]] if self.base else []
        groups += [[facet_word("language", tag) for tag in self.tags]] if self.tags else []
        return groups + [list(group) for group in self.marks]

    @property
    def is_everything(self) -> bool:
        """Whether any artifact will do."""
        return not (self.facets or self.words or self.parts or self.impossible)

    @property
    def tag_values(self) -> dict[str, str]:
        """The languages as values of a question."""
        return {f"tag_{number}": tag for number, tag in enumerate(self.tags)}

    @property
    def rank_for_readers(self) -> str:
        """Where an artifact stands for readers of the languages, as SQL: by its best score in one; scores in others stand far behind."""
        names = ", ".join(f":{name}" for name in self.tag_values)
        own = f"ranking + CASE WHEN language IN ({names}) THEN 0 ELSE {FOREIGN_LANGUAGE} END"
        best = f"SELECT min({own}) FROM scores WHERE artifact_id = artifacts.id AND ranking < {UNMEASURED}"
        return f"coalesce(({best}), {UNMEASURED})"


def conditions_of(database: Database, criteria: SearchCriteria) -> tuple[list[str], dict[str, Any]]:
    """What a row of `artifacts` must satisfy, decided from the row itself."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if criteria.readers is not None:
        condition, more = owned(criteria.readers)
        conditions.append(f"(NOT private OR {condition})")
        values |= more
    if criteria.words or criteria.facets:
        condition, more = database.match_condition(criteria.words, criteria.facets)
        conditions.append(condition)
        values |= more
    fine, more = _fine(criteria)
    return [*conditions, *fine], values | more


def exact(database: Database, criteria: SearchCriteria, ids: Sequence[int]) -> list[int]:
    """Those of `ids` that have the parts and the number of parameters, which the index knows in rough alone; in their order."""
    conditions, values = _fine(criteria)
    if not conditions or not ids:
        return list(ids)
    among, more = database.in_list("id", ids, "ids")
    found = database.rows(f"SELECT id FROM artifacts WHERE {' AND '.join([among, *conditions])}", {**values, **more})
    kept = {row[0] for row in found}
    return [each for each in ids if each in kept]


def _fine(criteria: SearchCriteria) -> tuple[list[str], dict[str, Any]]:
    """SQL for what a row itself must tell, and the values that it needs."""
    conditions = [f"key LIKE :part_{number} ESCAPE '!'" for number, _ in enumerate(criteria.parts)]
    values: dict[str, Any] = {
        f"part_{number}": f"%{part.replace('_', '!_')}%" for number, part in enumerate(criteria.parts)
    }
    if criteria.parameters:
        conditions.append("parameters BETWEEN :least_parameters AND :most_parameters")
        values["least_parameters"], values["most_parameters"] = criteria.parameters
    return conditions, values
