"""What a search asks for, as the database is asked, and the orders in which it answers."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from hub.registry.standing import FOREIGN_LANGUAGE, UNMEASURED
from hub.registry.words import facet_word

if TYPE_CHECKING:
    from hub.registry.database import Database

COLUMNS_OF_ORDERS = {
    "score": (("standing", ""), ("downloads", "DESC"), ("key", "")),
    "updated": (("updated_at", "DESC"), ("key", "")),
    "downloads": (("downloads", "DESC"), ("key", "")),
    "name": (("bare_key", ""), ("key", "")),
}
"""Each has an index of its own."""
ORDERS = {
    sort: ", ".join(f"{column} {way}".rstrip() for column, way in columns)
    for sort, columns in COLUMNS_OF_ORDERS.items()
}


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
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

    @property
    def facets(self) -> list[list[str]]:
        """Groups of words of the index, one of each of which an artifact must have."""
        groups = [[facet_word(facet, value)] for facet, value in self.columns.items()]
        groups += [[facet_word("base", self.base)]] if self.base else []
        return groups + ([[facet_word("language", tag) for tag in self.tags]] if self.tags else [])

    @property
    def is_everything(self) -> bool:
        """Whether any artifact will do."""
        return not (self.words or self.columns or self.base or self.tags or self.impossible)

    @property
    def tag_values(self) -> dict[str, str]:
        """The languages as values of a question."""
        return {f"tag_{number}": tag for number, tag in enumerate(self.tags)}

    @property
    def place_for_readers(self) -> str:
        """Where an artifact stands for readers of the languages, as SQL: by its best score in one; scores in others stand far behind."""
        names = ", ".join(f":{name}" for name in self.tag_values)
        own = (
            f"standing + CASE WHEN language IN ({names}) OR standing >= {UNMEASURED} THEN 0 ELSE {FOREIGN_LANGUAGE} END"
        )
        best = f"SELECT min({own}) FROM scores WHERE artifact_id = artifacts.id"
        return f"coalesce(({best}), {UNMEASURED})"


def conditions_of(database: Database, wish: Wish) -> tuple[list[str], dict[str, Any]]:
    """What a row of `artifacts` must satisfy, decided from the row itself."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if wish.readers is not None:
        condition, more = owned(wish.readers)
        conditions.append(f"(NOT private OR {condition})")
        values |= more
    if wish.words or wish.facets:
        condition, more = database.has(wish.words, wish.facets)
        conditions.append(condition)
        values |= more
    return conditions, values


def owned(readers: tuple[str, ...] | None) -> tuple[str, dict[str, Any]]:
    """SQL for a private artifact being shown, and the values that it needs."""
    if not readers:
        return ("1 = 1" if readers is None else "1 = 0"), {}
    values = {f"reader_{number}": owner for number, owner in enumerate(readers)}
    return f"lower(owner) IN ({', '.join(f':{name}' for name in values)})", values
