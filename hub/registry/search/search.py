"""Finding artifacts: words and facets in one index, best measured score first.

Nothing that grows with the number of matches is done for more than CANDIDATES of them. Up to that many are ranked and
counted, which is exact. More than that are dense: walking an order's own index finds the best of them soon, which is
exact, too; only their counts stop. (Ranking every match of a common word takes a second in a registry of a million.)
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING

from hub.errors import InvalidRequest
from hub.languages import MULTILINGUAL, covers
from hub.records import Page, Query
from hub.registry.accounts.visibility import owned
from hub.registry.artifacts.rows import read_artifacts
from hub.registry.index.ranking import UNMEASURED
from hub.registry.index.tags import is_nameable, magnitudes
from hub.registry.index.text import facet_word, words_asked
from hub.registry.scores.by_metric import artifacts_with_score, metric_filter, score_page, sort_by_score
from hub.registry.scores.rows import headlines
from hub.registry.search.criteria import ORDERS, SearchCriteria, conditions_of, exact
from hub.registry.search.keyset_pages import ANY, Condition, first_page, language_page, language_page_after, page_after

if TYPE_CHECKING:
    from hub.registry.database.database import Database, ResultRow

CANDIDATES = 500
"""Most matches that are ranked and counted one by one."""
MAX_RANKED = 20_000
"""Most matches that are ranked where a page begins deep among them."""
_BY_INDEX = 0.05
"""What walking past an artifact costs where the order's index has its name, which is looked at, beside where its row is read."""
MAX_COMPARED = 2000
"""Most matches that are ranked where they are narrowed by a metric: walking to those that are left takes as long."""
SAMPLE = 200
"""How many matches facets are counted among when there are more than CANDIDATES."""
MAX_PAGE = 1001
"""Artifacts. One more than anybody shows, by which a list knows that it goes on."""
DRIFT = 50
"""How many places an artifact may have moved between two pages and still be found again."""
SORTS = ("score", "updated", "downloads", "name")
"""Orders that people choose among; lists of Hugging Face clients have the others, too."""
BY_METRIC = "metric"
"""The order of a metric's values, where one is named."""
_FACETS = ("kind", "method", "license", "language", "base")
_COLUMNS = ("kind", "method", "license", "owner")
"""Facets of which an artifact has one value, in a column of that name."""
_ANYTHING = SearchCriteria((), {}, "", ())
Counts = dict[str, dict[str, int]]


def find(database: Database, query: Query, candidates: int = CANDIDATES) -> Page:
    """Artifacts that fit `query`, how many there are, and how they spread over facets.

    More than `candidates` of them are not counted to the end; see `Page.is_exact`.
    """
    _check(query)
    with database.snapshot():
        has_private = bool(database.rows("SELECT 1 FROM artifacts WHERE private = TRUE LIMIT 1"))
        readers = query.readers if has_private else None
        counted = _counted(database)
        if has_private:
            _count_private(database, readers, counted)
        if query.type == "model" and not has_private and "dataset" not in counted["kind"]:
            query = replace(query, type="")  # Everything is one. The index would read its list of everything.
        criteria = _criteria(query, counted["language"], readers)
        if criteria.impossible:
            return Page((), 0, {facet: {} for facet in _FACETS})
        if query.metric:
            found = _find_scored(database, query, criteria, candidates)
        elif criteria.is_everything:
            facets = {facet: counted[facet] for facet in _FACETS}
            found = _walked(database, criteria, query.sort, counted[""].get("", 0), facets)
        else:
            found = _find_narrowed(database, query, criteria, candidates, counted, has_private)
        ids, offset = _page(database, query, found)
        best = headlines(database, ids, query.language) if query.scores == "best" else None
        return Page(read_artifacts(database, ids, best), found.total, found.facets, found.is_exact, offset)


@dataclass(frozen=True, slots=True)
class _Found:
    """All answers, before anybody reads a page of them."""

    ids: Callable[[int, int], list[int]]
    """Of a limit and an offset."""
    behind: Callable[[int, int], list[int]] | None
    """Of a limit and the id of the artifact of the order behind which they stand; None where that is not known."""
    total: int
    facets: Counts
    is_exact: bool = True


def _walked(
    database: Database,
    criteria: SearchCriteria,
    sort: str,
    total: int,
    facets: Counts,
    *,
    is_exact: bool = True,
    only: Condition = ANY,
) -> _Found:
    """Dense matches: read from the order's index."""
    if criteria.tags and sort == "score":
        by_language = partial(language_page, database, criteria, only=only)
        return _Found(by_language, partial(language_page_after, database, criteria, only=only), total, facets, is_exact)
    by_order = partial(first_page, database, criteria, sort, only=only)
    return _Found(by_order, partial(page_after, database, criteria, sort, only=only), total, facets, is_exact)


def _ranked(ids: Sequence[int], facets: Counts, *, is_exact: bool = True) -> _Found:
    """Sparse matches: all of them, in order."""

    def behind(limit: int, last: int) -> list[int]:
        begin = ids.index(last) + 1 if last in ids else len(ids)
        return list(ids[begin : begin + limit])

    return _Found(partial(_cut, ids), behind, len(ids), facets, is_exact)


def _check(query: Query) -> None:
    if query.sort not in {*ORDERS, BY_METRIC}:
        raise InvalidRequest(f"cannot sort by `{query.sort}`: choose one of {', '.join((*ORDERS, BY_METRIC))}.")
    if not 0 <= query.limit <= MAX_PAGE or query.offset < 0:
        raise InvalidRequest(
            f"a page has 0 to {MAX_PAGE} artifacts from 0 on, not {query.limit} from {query.offset} on."
        )
    of_scores = {
        "sort `metric`": query.sort == BY_METRIC, "`benchmark`": query.benchmark, "`split`": query.split,
        "`min`": query.min_value is not None, "`max`": query.max_value is not None,
    }  # fmt: skip
    if not query.metric and (alone := [name for name, is_given in of_scores.items() if is_given]):
        raise InvalidRequest(f"{alone[0]} is about the scores of one metric: name it, as in `r_precision_at_10`.")


def _find_narrowed(
    database: Database, query: Query, criteria: SearchCriteria, candidates: int, counted: Counts, has_private: bool
) -> _Found:
    """By words and facets."""
    matching = database.match_ids(criteria.beginnings, criteria.groups, candidates)
    is_all = len(matching) <= candidates
    if not is_all:
        reach = _reach(database, query, criteria, candidates, matching, counted[""].get("", 0))
        if reach > candidates:
            matching = database.match_ids(criteria.beginnings, criteria.groups, reach)
            is_all = len(matching) <= reach
    matching = exact(database, criteria, matching)
    if criteria.readers is not None:
        matching = _visible(database, criteria.readers, matching)
    if is_all and len(matching) <= candidates:
        return _ranked(*_rank(database, criteria, query.sort, matching))
    _, facets = _rank(database, criteria, "name", matching[:SAMPLE])
    total, is_exact = _total(database, criteria, counted, len(matching), has_private)
    if is_all:
        return replace(
            _ranked(_order(database, criteria, query.sort, matching), facets), total=total, is_exact=is_exact
        )
    return _walked(database, criteria, query.sort, total, facets, is_exact=is_exact)


def _reach(
    database: Database, query: Query, criteria: SearchCriteria, candidates: int, matching: Sequence[int], artifacts: int
) -> int:
    """How many matches to rank, of which `matching` were found first, among so many artifacts; `candidates` where walking is quicker.

    Walking takes the longer the rarer matches are, ranking all of them the longer the more there are: these many take the same.
    """
    page = query.limit + (0 if query.after else query.offset)
    read = artifacts * (_BY_INDEX if criteria.parts else 1)
    reach = min(int(candidates * sqrt(page * read) / CANDIDATES), max(candidates, MAX_RANKED))
    expected = len(matching) / (max(matching) - min(matching) + 1) * artifacts
    if expected > reach:
        return candidates
    if criteria.tags and query.sort == "score":  # A language's own index leads from one with a score to the next.
        among, values = database.in_list("id", matching, "ids")
        question = f"SELECT count(*) FROM artifacts WHERE {among} AND ranking < {UNMEASURED}"
        if database.rows(question, values)[0][0] / len(matching) * expected > page:
            return min(int(candidates * sqrt(page / max(query.limit, 1))), reach)
    return reach


def _find_scored(database: Database, query: Query, criteria: SearchCriteria, candidates: int) -> _Found:
    """By a metric, and by words and facets as well: whichever side is sparse gives the candidates for the other."""
    bound = metric_filter(database, query, criteria.tags)
    reach = max(candidates, MAX_COMPARED) if candidates else 0
    matching = [] if criteria.is_everything else database.match_ids(criteria.beginnings, criteria.groups, reach)
    is_sparse = not criteria.is_everything and len(matching) <= reach
    conditions, values = conditions_of(database, criteria)
    if is_sparse:
        best_first = exact(database, criteria, sort_by_score(database, bound, matching))
        best_first = best_first if criteria.readers is None else _visible(database, criteria.readers, best_first)
    else:
        matching = artifacts_with_score(database, bound, reach)
        is_sparse = len(matching) <= reach
        best_first = sort_by_score(database, bound, matching if is_sparse else matching[: candidates + 1])
        if conditions:
            among, more = database.in_list("id", best_first, "ids")
            rows = database.rows(
                f"SELECT id FROM artifacts WHERE {' AND '.join([among, *conditions])}", {**values, **more}
            )
            kept = {row[0] for row in rows}
            best_first = [each for each in best_first if each in kept]
    is_exact = is_sparse and len(best_first) <= candidates
    counted = best_first if is_exact else best_first[:SAMPLE]
    order = "name" if query.sort == BY_METRIC else query.sort
    ranked, facets = _rank(database, criteria, order, counted)
    if is_exact:
        return _ranked(best_first if query.sort == BY_METRIC else ranked, facets)
    if is_sparse:
        ids = best_first if query.sort == BY_METRIC else _order(database, criteria, query.sort, best_first)
        return replace(_ranked(ids, facets), is_exact=False)
    total = len(best_first)
    if query.sort == BY_METRIC:
        by_metric = partial(score_page, database, bound, conditions, values)
        return _Found(by_metric, None, total, facets, is_exact=False)
    only = (bound.exists, bound.values)
    if conditions and not (criteria.tags and query.sort == "score"):
        # Whether there is a score is told by an index, all else by the row itself: databases would read that first.
        only = (f"CASE WHEN {only[0]} THEN {' AND '.join(conditions)} ELSE FALSE END", {**values, **only[1]})
        criteria = _ANYTHING
    return _walked(database, criteria, query.sort, total, facets, is_exact=False, only=only)


def _cut(ids: Sequence[int], limit: int, offset: int) -> list[int]:
    return list(ids[offset : offset + limit])


def _page(database: Database, query: Query, found: _Found) -> tuple[list[int], int]:
    """Ids of a page and where it begins: behind the artifact `query.after`, though others came or went meanwhile."""
    last = database.rows("SELECT id FROM artifacts WHERE key = :key", {"key": query.after}) if query.after else []
    if not last:
        return found.ids(query.limit, query.offset), query.offset
    if found.behind is not None:
        return found.behind(query.limit, last[0][0]), query.offset
    begin = max(0, query.offset - DRIFT)
    around = found.ids(query.offset - begin + query.limit + DRIFT, begin)
    place = around.index(last[0][0]) + 1 if last[0][0] in around else query.offset - begin
    return around[place : place + query.limit], begin + place


def _criteria(query: Query, languages: Iterable[str], readers: tuple[str, ...] | None) -> SearchCriteria:
    words = words_asked(query.text)
    return SearchCriteria(
        words=tuple(words),
        columns={column: wanted.lower() for column in _COLUMNS if (wanted := getattr(query, column))},
        base=query.base.rpartition("/")[2].lower(),
        tags=tuple(_covering(query.language, languages)),
        impossible=(bool(query.text.strip()) and not words) or not all(map(is_nameable, query.parts)),
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
    among, values = database.in_list("facet", list(counts), "facets")  # Owners are too many.
    for facet, value, number in database.rows(
        f"SELECT facet, value, artifacts FROM facet_counts WHERE {among} AND artifacts > 0 ORDER BY artifacts DESC, value",
        values,
    ):
        counts[facet][value] = number
    return counts


def _count_private(database: Database, readers: tuple[str, ...] | None, counted: Counts) -> None:
    """Add to `counted` the private artifacts that are shown: nobody keeps their counts, and each reader has others."""
    condition, values = owned(readers)
    ids = [row[0] for row in database.rows(f"SELECT id FROM artifacts WHERE private = TRUE AND {condition}", values)]
    if not ids:
        return
    counted[""][""] = counted[""].get("", 0) + len(ids)
    for facet, numbers in _rank(database, _ANYTHING, "name", ids)[1].items():
        added = Counter(counted[facet])
        added.update(numbers)
        counted[facet] = dict(sorted(added.items(), key=_frequent_first))


def _visible(database: Database, readers: tuple[str, ...], ids: Sequence[int]) -> list[int]:
    """Those of `ids` that are shown, in their order."""
    among, values = database.in_list("id", ids, "ids")
    condition, more = owned(readers)
    hidden = {
        row[0]
        for row in database.rows(
            f"SELECT id FROM artifacts WHERE {among} AND private AND NOT {condition}", {**values, **more}
        )
    }
    return [each for each in ids if each not in hidden]


def _total(
    database: Database, criteria: SearchCriteria, counted: Counts, found: int, has_private: bool
) -> tuple[int, bool]:
    """How many match at least, and whether that is all: known for everything that has one value of one facet."""
    if criteria.parts or criteria.marks:
        return found, False
    if len(criteria.columns) == 1 and not (criteria.words or criteria.base or criteria.tags):
        ((column, wanted),) = criteria.columns.items()
        question = "SELECT coalesce(sum(artifacts), 0) FROM facet_counts WHERE facet = :facet AND lower(value) = :value"
        total = int(database.rows(question, {"facet": column, "value": wanted})[0][0])
        if has_private:
            condition, values = owned(criteria.readers)
            question = (
                f"SELECT count(*) FROM artifacts WHERE private = TRUE AND lower({column}) = :value AND {condition}"
            )
            total += int(database.rows(question, {"value": wanted, **values})[0][0])
        return total, True
    if len(criteria.tags) == 1 and not (criteria.words or criteria.base or criteria.columns):
        return counted["language"].get(criteria.tags[0], 0), True
    return found, False


def _rank(database: Database, criteria: SearchCriteria, sort: str, ids: Sequence[int]) -> tuple[list[int], Counts]:
    """All of `ids` in order, and how they spread over facets."""
    rows = _in_order(database, criteria, sort, ids, "id, kind, method, license")
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
            sorted(((value, number) for value, number in counters[facet].items() if value), key=_frequent_first)
        )
        for facet in _FACETS
    }
    return [row[0] for row in rows], facets


def _order(database: Database, criteria: SearchCriteria, sort: str, ids: Sequence[int]) -> list[int]:
    """All of `ids` in order."""
    return [row[0] for row in _in_order(database, criteria, sort, ids, "id")]


def _in_order(
    database: Database, criteria: SearchCriteria, sort: str, ids: Sequence[int], columns: str
) -> Sequence[ResultRow]:
    among, values = database.in_list("id", ids, "ids")
    if not (sort == "score" and criteria.tags):
        return database.rows(f"SELECT {columns} FROM artifacts WHERE {among} ORDER BY {ORDERS[sort]}", values)
    placed = f"SELECT {columns}, downloads, key, {criteria.rank_for_readers} AS place FROM artifacts WHERE {among}"
    return database.rows(
        f"SELECT {columns} FROM ({placed}) AS placed "
        f"ORDER BY place, CASE WHEN place < {UNMEASURED} THEN id ELSE 0 END, downloads DESC, key",  # As the index of languages has them.
        {**values, **criteria.tag_values},
    )


def _frequent_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]
