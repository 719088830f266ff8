"""What a query asks of the database: words and facets for the index, conditions for a row."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.languages import MULTILINGUAL, covers
from hub.records import Query
from hub.registry.labels import magnitudes, words_of_part
from hub.registry.words import facet_word, words_asked

if TYPE_CHECKING:
    from hub.registry.database import Database

_COLUMNS = ("kind", "method", "license", "owner")
"""Facets of which an artifact has one value, in a column of that name."""


@dataclass(frozen=True, slots=True)
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
    parts: tuple[str, ...] = ()
    """Of the key, in lower case."""
    marks: tuple[tuple[str, ...], ...] = ()
    """Groups of further words of the index, one of each of which an artifact must have."""
    parameters: tuple[int, int] | None = None

    @property
    def beginnings(self) -> list[str]:
        """Words of the index, with each of which one of an artifact's must begin."""
        return [*self.words, *dict.fromkeys(word for part in self.parts for word in words_of_part(part))]

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


def wish_of(query: Query, languages: Iterable[str], readers: tuple[str, ...] | None) -> Wish:
    """What a query asks for; `languages` are those in the registry."""
    words = words_asked(query.text)
    return Wish(
        words=tuple(words),
        columns={column: wanted.lower() for column in _COLUMNS if (wanted := getattr(query, column))},
        base=query.base.rpartition("/")[2].lower(),
        tags=tuple(_covering(query.language, languages)),
        impossible=(bool(query.text.strip()) and not words) or not all(map(words_of_part, query.parts)),
        readers=readers,
        parts=tuple(part.lower() for part in query.parts),
        marks=_marks(query),
        parameters=query.parameters,
    )


def _marks(query: Query) -> tuple[tuple[str, ...], ...]:
    groups = [(facet_word("tag", label),) for label in query.labels]
    groups += [(facet_word("type", query.type),)] if query.type else []
    groups += [(facet_word("gated", "yes" if query.gated else "no"),)] if query.gated is not None else []
    return (*groups, tuple(magnitudes(*query.parameters))) if query.parameters else tuple(groups)


def _covering(language: str, present: Iterable[str]) -> list[str]:
    """The tags in the registry that serve a reader of `language`. Multilingual artifacts serve everybody."""
    if not language:
        return []
    return [tag for tag in present if tag == MULTILINGUAL or covers(tag, language)] or [language]


def owned(readers: tuple[str, ...] | None) -> tuple[str, dict[str, Any]]:
    """SQL for a private artifact being shown, and the values that it needs."""
    if not readers:
        return ("1 = 1" if readers is None else "1 = 0"), {}
    values = {f"reader_{number}": owner for number, owner in enumerate(readers)}
    return f"lower(owner) IN ({', '.join(f':{name}' for name in values)})", values


def conditions_of(database: Database, wish: Wish) -> tuple[list[str], dict[str, Any]]:
    """What a row of `artifacts` must satisfy, each decided from the row and the indexes of its parts."""
    conditions = [f"lower({column}) = :{column}" for column in wish.columns]
    values: dict[str, Any] = dict(wish.columns)
    if wish.readers is not None:
        condition, more = owned(wish.readers)
        conditions.append(f"(NOT private OR {condition})")
        values |= more
    if wish.base:
        conditions.append("EXISTS (SELECT 1 FROM artifact_bases WHERE artifact_id = id AND base_key = :base)")
        values["base"] = wish.base
    if wish.tags:
        names = ", ".join(f":{name}" for name in tag_values(wish))
        conditions.append(f"EXISTS (SELECT 1 FROM artifact_languages WHERE artifact_id = id AND tag IN ({names}))")
        values |= tag_values(wish)
    if wish.words:
        condition, more = database.has_words(wish.words)
        conditions.append(condition)
        values |= more
    if wish.marks:
        condition, more = database.has_facets(wish.marks)
        conditions.append(condition)
        values |= more
    fine, more = _fine(wish)
    return [*conditions, *fine], values | more


def exact(database: Database, wish: Wish, ids: Sequence[int]) -> list[int]:
    """Those of `ids` that have the parts and the number of parameters, which the index knows in rough alone; in their order."""
    conditions, values = _fine(wish)
    if not conditions or not ids:
        return list(ids)
    among, more = database.one_of("id", ids, "ids")
    found = database.rows(f"SELECT id FROM artifacts WHERE {' AND '.join([among, *conditions])}", {**values, **more})
    kept = {row[0] for row in found}
    return [each for each in ids if each in kept]


def _fine(wish: Wish) -> tuple[list[str], dict[str, Any]]:
    """SQL for what a row itself must tell, and the values that it needs."""
    conditions = [f"key LIKE :part_{number} ESCAPE '!'" for number, _ in enumerate(wish.parts)]
    values: dict[str, Any] = {
        f"part_{number}": f"%{part.replace('_', '!_')}%" for number, part in enumerate(wish.parts)
    }
    if wish.parameters:
        conditions.append("parameters BETWEEN :least_parameters AND :most_parameters")
        values["least_parameters"], values["most_parameters"] = wish.parameters
    return conditions, values


def tag_values(wish: Wish) -> dict[str, str]:
    """The languages as values of SQL."""
    return {f"tag_{number}": tag for number, tag in enumerate(wish.tags)}
