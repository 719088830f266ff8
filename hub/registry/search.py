"""Finding artifacts: words and facets in one index, best measured score first.

Nothing that grows with the number of matches is done for more than CANDIDATES of them. Up to that many are ranked and
counted, which is exact. More than that are dense: walking an order's own index finds the best of them soon, which is
exact, too; only their counts stop. (Ranking every match of a common word takes a second in a registry of a million.)
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hub.errors import WrongRequest
from hub.languages import MULTILINGUAL, covers
from hub.records import Page, Query
from hub.registry.labels import magnitudes, words_of_part
from hub.registry.rows import read_artifacts
from hub.registry.standing import FOREIGN_LANGUAGE, UNMEASURED
from hub.registry.words import facet_word, words_asked

if TYPE_CHECKING:
    from hub.registry.database import Database

CANDIDATES = 500
"""Most matches that are ranked and counted one by one."""
SAMPLE = 200
"""How many matches facets are counted among when there are more than CANDIDATES."""
LONGEST_PAGE = 1001
"""Artifacts. One more than anybody shows, by which a list knows that it goes on."""
_ORDERS = {
    "score": "standing, downloads DESC, key",
    "updated": "updated_at DESC, key",
    "downloads": "downloads DESC, key",
    "name": "bare_key, key",
    "created": "created_at DESC, key",
    "likes": "likes DESC, key",
    "trend": "trending DESC, key",
}
SORTS = ("score", "updated", "downloads", "name")
"""Orders that people choose among; lists of Hugging Face clients have the others, too."""
_FACETS = ("kind", "method", "license", "language", "base")
_COLUMNS = ("kind", "method", "license", "owner")
"""Facets of which an artifact has one value, in a column of that name."""
Counts = dict[str, dict[str, int]]


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


def find(database: Database, query: Query, candidates: int = CANDIDATES) -> Page:
    """Artifacts that fit `query`, how many there are, and how they spread over facets.

    More than `candidates` of them are not counted to the end; see `Page.is_exact`.
    """
    if query.sort not in _ORDERS:
        raise WrongRequest(f"cannot sort by `{query.sort}`: choose one of {', '.join(_ORDERS)}.")
    if not 0 <= query.limit <= LONGEST_PAGE or query.offset < 0:
        raise WrongRequest(
            f"a page has 0 to {LONGEST_PAGE} artifacts from 0 on, not {query.limit} from {query.offset} on."
        )
    with database.snapshot():
        has_private = bool(database.rows("SELECT 1 FROM artifacts WHERE private LIMIT 1"))
        readers = query.readers if has_private else None
        counted = _counted(database)
        if has_private:
            _count_private(database, readers, counted)
        wish = _wish(query, counted["language"], readers)
        if wish.impossible:
            return Page((), 0, {facet: {} for facet in _FACETS})
        if wish.is_everything:
            ids = _walk(database, wish, query.sort, query.limit, query.offset)
            facets = {facet: counted[facet] for facet in _FACETS}
            return Page(read_artifacts(database, ids), counted[""].get("", 0), facets)
        matching = database.matching(wish.beginnings, wish.facets, candidates)
        is_sparse = len(matching) <= candidates
        matching = _exact(database, wish, matching)
        if readers is not None:
            matching = _visible(database, readers, matching)
        if is_sparse:
            ids, facets = _rank(database, wish, query.sort, matching)
            page = ids[query.offset : query.offset + query.limit]
            return Page(read_artifacts(database, page), len(ids), facets)
        _, facets = _rank(database, wish, "name", matching[:SAMPLE])
        walk = _walk_language if wish.tags and query.sort == "score" else _walk
        ids = walk(database, wish, query.sort, query.limit, query.offset)
        total, is_exact = _total(database, wish, counted, len(matching), has_private)
        return Page(read_artifacts(database, ids), total, facets, is_exact)


def _wish(query: Query, languages: Iterable[str], readers: tuple[str, ...] | None) -> Wish:
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


def _counted(database: Database) -> Counts:
    """How many artifacts that are not private have each value of each facet."""
    counts: Counts = {facet: {} for facet in (*_FACETS, "")}
    among, values = database.one_of("facet", list(counts), "facets")  # Owners are too many.
    for facet, value, number in database.rows(
        f"SELECT facet, value, artifacts FROM facet_counts WHERE {among} AND artifacts > 0 ORDER BY artifacts DESC, value",
        values,
    ):
        counts[facet][value] = number
    return counts


def _count_private(database: Database, readers: tuple[str, ...] | None, counted: Counts) -> None:
    """Add to `counted` the private artifacts that are shown: nobody keeps their counts, and each reader has others."""
    condition, values = _owned(readers)
    ids = [row[0] for row in database.rows(f"SELECT id FROM artifacts WHERE private AND {condition}", values)]
    if not ids:
        return
    counted[""][""] = counted[""].get("", 0) + len(ids)
    for facet, numbers in _rank(database, Wish((), {}, "", ()), "name", ids)[1].items():
        added = Counter(counted[facet])
        added.update(numbers)
        counted[facet] = dict(sorted(added.items(), key=_frequent_first))


def _owned(readers: tuple[str, ...] | None) -> tuple[str, dict[str, Any]]:
    """SQL for a private artifact being shown, and the values that it needs."""
    if not readers:
        return ("1 = 1" if readers is None else "1 = 0"), {}
    values = {f"reader_{number}": owner for number, owner in enumerate(readers)}
    return f"lower(owner) IN ({', '.join(f':{name}' for name in values)})", values


def _visible(database: Database, readers: tuple[str, ...], ids: Sequence[int]) -> list[int]:
    """Those of `ids` that are shown, in their order."""
    among, values = database.one_of("id", ids, "ids")
    condition, more = _owned(readers)
    hidden = {
        row[0]
        for row in database.rows(
            f"SELECT id FROM artifacts WHERE {among} AND private AND NOT {condition}", {**values, **more}
        )
    }
    return [each for each in ids if each not in hidden]


def _exact(database: Database, wish: Wish, ids: Sequence[int]) -> list[int]:
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


def _total(database: Database, wish: Wish, counted: Counts, found: int, has_private: bool) -> tuple[int, bool]:
    """How many match at least, and whether that is all: known for everything that has one value of one facet."""
    if wish.parts or wish.marks:
        return found, False
    if len(wish.columns) == 1 and not (wish.words or wish.base or wish.tags):
        ((column, wanted),) = wish.columns.items()
        question = "SELECT coalesce(sum(artifacts), 0) FROM facet_counts WHERE facet = :facet AND lower(value) = :value"
        total = int(database.rows(question, {"facet": column, "value": wanted})[0][0])
        if has_private:
            condition, values = _owned(wish.readers)
            question = f"SELECT count(*) FROM artifacts WHERE private AND lower({column}) = :value AND {condition}"
            total += int(database.rows(question, {"value": wanted, **values})[0][0])
        return total, True
    if len(wish.tags) == 1 and not (wish.words or wish.base or wish.columns):
        return counted["language"].get(wish.tags[0], 0), True
    return found, False


def _rank(database: Database, wish: Wish, sort: str, ids: Sequence[int]) -> tuple[list[int], Counts]:
    """All of `ids` in order, and how they spread over facets."""
    among, values = database.one_of("id", ids, "ids")
    values = {**values, **_tag_values(wish)}
    order = _order_for_readers(wish) if sort == "score" and wish.tags else _ORDERS[sort]
    rows = database.rows(f"SELECT id, kind, method, license FROM artifacts WHERE {among} ORDER BY {order}", values)
    counters: dict[str, Counter[str]] = defaultdict(Counter)
    for _, kind, method, license in rows:
        counters["kind"][kind] += 1
        counters["method"][method] += 1
        counters["license"][license] += 1
    among, values = database.one_of("artifact_id", ids, "ids")
    for facet, column, table in (("language", "tag", "artifact_languages"), ("base", "base", "artifact_bases")):
        counters[facet].update(row[0] for row in database.rows(f"SELECT {column} FROM {table} WHERE {among}", values))
    facets = {
        facet: dict(
            sorted(((value, number) for value, number in counters[facet].items() if value), key=_frequent_first)
        )
        for facet in _FACETS
    }
    return [row[0] for row in rows], facets


def _walk(database: Database, wish: Wish, sort: str, limit: int, offset: int, only: str = "") -> list[int]:
    """The first matches in an order, by its own index: for matches that are dense, or all there is."""
    conditions, values = _conditions(database, wish)
    conditions += [only] if only else []
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = database.rows(
        f"SELECT id FROM artifacts {where} ORDER BY {_ORDERS[sort]} LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    )
    return [row[0] for row in rows]


def _walk_language(database: Database, wish: Wish, sort: str, limit: int, offset: int) -> list[int]:
    """The first matches for readers of some languages: those with scores by their standing there, then all others."""
    conditions, values = _conditions(database, dataclasses.replace(wish, tags=()))
    narrowed = " AND ".join(["artifact_languages.standing < :unmeasured", *conditions])
    walks = " UNION ALL ".join(
        "SELECT * FROM (SELECT artifact_id, artifact_languages.standing AS place FROM artifact_languages "
        f"JOIN artifacts ON id = artifact_id WHERE tag = :{name} AND {narrowed} "
        "ORDER BY artifact_languages.standing, artifact_id LIMIT :reach) AS walk"
        for name in _tag_values(wish)
    )
    measured = database.rows(
        f"SELECT artifact_id FROM ({walks}) AS walks GROUP BY artifact_id ORDER BY min(place), artifact_id LIMIT :reach",
        {**values, **_tag_values(wish), "unmeasured": UNMEASURED, "reach": offset + limit},
    )
    ids = [row[0] for row in measured][offset:]
    if len(ids) < limit:
        beyond = max(0, offset - len(measured))
        ids += _walk(database, wish, sort, limit - len(ids), beyond, only=f"artifacts.standing >= {UNMEASURED}")
    return ids


def _conditions(database: Database, wish: Wish) -> tuple[list[str], dict[str, Any]]:
    """What a row of `artifacts` must satisfy, each decided from the row and the indexes of its parts."""
    conditions = [f"lower({column}) = :{column}" for column in wish.columns]
    values: dict[str, Any] = dict(wish.columns)
    if wish.readers is not None:
        condition, more = _owned(wish.readers)
        conditions.append(f"(NOT private OR {condition})")
        values |= more
    if wish.base:
        conditions.append("EXISTS (SELECT 1 FROM artifact_bases WHERE artifact_id = id AND base_key = :base)")
        values["base"] = wish.base
    if wish.tags:
        names = ", ".join(f":{name}" for name in _tag_values(wish))
        conditions.append(f"EXISTS (SELECT 1 FROM artifact_languages WHERE artifact_id = id AND tag IN ({names}))")
        values |= _tag_values(wish)
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


def _order_for_readers(wish: Wish) -> str:
    """By the best score in one of the languages; scores in others stand far behind."""
    names = ", ".join(f":{name}" for name in _tag_values(wish))
    own = f"standing + CASE WHEN language IN ({names}) OR standing >= {UNMEASURED} THEN 0 ELSE {FOREIGN_LANGUAGE} END"
    best = f"SELECT min({own}) FROM scores WHERE artifact_id = artifacts.id"
    return f"coalesce(({best}), {UNMEASURED}), downloads DESC, key"


def _tag_values(wish: Wish) -> dict[str, str]:
    return {f"tag_{number}": tag for number, tag in enumerate(wish.tags)}


def _frequent_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]
