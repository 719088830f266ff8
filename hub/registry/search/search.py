"""Find artifacts by words and facets in one index, best reproduced score first.

The cost of a search does not grow with the number of matches. Up to CANDIDATES matches are ranked and counted, which is exact.
Beyond that, matches are frequent, so scanning the index of the sort order soon finds the best ones, which is exact, too; only
totals and facet counts become lower bounds. (Ranking every match of a common word takes a second among a million artifacts.)
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING

from hub.errors import InvalidRequest
from hub.records import Page, Query
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.artifacts.rows import read_artifacts
from hub.registry.index.ranking import UNMEASURED
from hub.registry.scores.by_metric import best_values, the_ranking
from hub.registry.scores.rows import headlines
from hub.registry.search.conditions import filter_exactly, filter_ids, row_conditions
from hub.registry.search.criteria import ORDER_BY, OWNER, Reading, SearchCriteria, criteria_of, read_literally
from hub.registry.search.find_by_metric import BY_METRIC, find_by_metric
from hub.registry.search.first_ids import COMMON, first_ids
from hub.registry.search.keyset_pages import Condition
from hub.registry.search.matches import (
    SAMPLE,
    SET_COST,
    Matches,
    after_first,
    by_tier,
    end_of_page,
    from_index,
    from_list,
)
from hub.registry.search.names_first import names_first
from hub.registry.search.sorting import FACETS, Counts, add_private_counts, facet_counts, rank, sort_ids

if TYPE_CHECKING:
    from hub.registry.database.database import Database

CANDIDATES = 500
"""Maximum number of matches that are ranked and counted one by one."""
MAX_LISTED = 20_000
"""Maximum number of matches, or of artifacts with certain scores, that are listed to be found in the index of the sort order."""
_ROW_COST, _INDEX_COST = 1.0, 0.1
"""Cost of passing an artifact in a sort order, relative to listing a match: if its row is read, and if the index decides."""
_LANGUAGE_SET_COST = 0.05
"""The same as SET_COST for an order by relevance for a language, in which sorting reads the scores of each match."""
MAX_PAGE = 1001
"""Maximum number of artifacts of a page: one more than is ever shown, to know whether another page follows."""
DRIFT = 50
"""Maximum number of positions that the last artifact of a page may have moved before the next page is requested."""
SORTS = ("score", "updated", "downloads", "trend", "name")
"""Sort orders of the command line and the pages. Hugging Face clients can use the others, too."""


def find(
    database: Database,
    query: Query,
    candidates: int = CANDIDATES,
    *,
    base_names: Sequence[str] = (),
    reading: Reading | None = None,
) -> Page:
    """Return a page of the artifacts that match `query`, with total and facet counts.

    `base_names` are other names of `query.base`, without owners and in lower case. `reading` is how the text is understood: word by
    word without one. Beyond `candidates` matches, the counts are lower bounds; see `Page.is_exact`. Raises InvalidRequest.
    """
    _check(query)
    reading = reading or read_literally(query.text)
    with database.snapshot():
        has_private = bool(database.rows("SELECT 1 FROM artifacts WHERE private = TRUE LIMIT 1"))
        readers = query.readers if has_private else None
        counts = facet_counts(database)
        if has_private:
            add_private_counts(database, readers, counts)
        if query.type == "model" and not has_private and "dataset" not in counts["kind"]:
            query = replace(
                query, type=""
            )  # Everything is a model, and the index would read its list of all artifacts.
        criteria = criteria_of(query, reading, counts, readers, base_names)
        if criteria.impossible:
            return Page((), 0, {facet: {} for facet in FACETS})
        named = dict[int, int]()
        if query.text and not query.metric:
            filters = criteria_of(query, Reading(), counts, readers, base_names)
            named = names_first(database, reading, filters)
        ranking = the_ranking(database, query, criteria.tags, readers) if query.sort == BY_METRIC else None
        if query.metric:
            found = find_by_metric(database, query, criteria, candidates, ranking, counts)
        elif criteria.matches_all:
            facets = {facet: counts[facet] for facet in FACETS}
            found = from_index(database, criteria, query.sort, counts[""].get("", 0), facets)
        else:
            found = _find_by_criteria(database, query, criteria, candidates, counts, named, has_private=has_private)
        ids, offset = _page(database, query, found)
        best = headlines(database, ids, _one_language(query, reading)) if query.scores == "best" else None
        if best is not None and query.metric:
            best |= best_values(database, query, ids, criteria.tags, ranking)
        return Page(read_artifacts(database, ids, best), found.total, found.facets, found.is_exact, offset)


def _check(query: Query) -> None:
    if query.sort not in {*ORDER_BY, BY_METRIC}:
        raise InvalidRequest(f"cannot sort by `{query.sort}`: choose one of {', '.join((*ORDER_BY, BY_METRIC))}.")
    if not 0 <= query.limit <= MAX_PAGE or query.offset < 0:
        raise InvalidRequest(
            f"invalid page: `limit` must be from 0 to {MAX_PAGE} and `offset` at least 0, not {query.limit} and {query.offset}."
        )
    of_scores = {
        "sort `metric`": query.sort == BY_METRIC, "`benchmark`": query.benchmark, "`split`": query.split,
        "`min`": query.min_value is not None, "`max`": query.max_value is not None,
    }  # fmt: skip
    if not query.metric and (alone := [name for name, is_given in of_scores.items() if is_given]):
        raise InvalidRequest(f"{alone[0]} needs a metric, such as `r_precision_at_10`.")


def _one_language(query: Query, reading: Reading) -> str:
    """Return the language whose scores are shown: the one that was asked for; empty for none or several."""
    asked = query.language or reading.language
    return "" if "," in asked else asked


def _find_by_criteria(
    database: Database,
    query: Query,
    criteria: SearchCriteria,
    candidates: int,
    counts: Counts,
    named: Mapping[int, int],
    *,
    has_private: bool,
) -> Matches:
    """Find matches of words and facets, after those in `named` by their tiers."""
    artifacts = counts[""].get("", 0)
    matching = first_ids(database, criteria, candidates, counts)
    is_all = len(matching) <= candidates
    among: list[int] | None = None
    common: tuple[str, ...] = ()
    max_listed = 0 if is_all else _listing_limit(database, query, criteria, candidates, matching, counts)
    if max_listed > candidates:
        common = _common_words(database, criteria, artifacts)
        rare = replace(criteria, words=tuple(each for each in criteria.words if each not in common))
        listed = database.match_ids(rare.prefixes, rare.word_groups, max_listed)
        if len(listed) <= max_listed:
            among = filter_exactly(database, rare, listed)
            if common and len(among) <= _sorting_limit(query, criteria, candidates, artifacts):
                conditions, values = row_conditions(database, criteria)
                among, common = filter_ids(database, among, conditions, values), ()
    if among is not None and not common:
        matching, is_all = among, True
    else:
        matching = filter_exactly(database, criteria, matching)
    if is_all:
        matching = list(dict.fromkeys([*named, *matching]))
        if len(matching) <= candidates + len(named):
            ids, facets = rank(database, criteria, query.sort, matching)
            return from_list(by_tier(ids, named, query.sort), facets)
    _, facets = rank(database, criteria, "name", matching[:SAMPLE])
    total, is_exact = _total(database, criteria, counts, len(matching), has_private)
    if is_all and len(matching) <= _sorting_limit(query, criteria, candidates, artifacts):
        ids = by_tier(sort_ids(database, criteria, query.sort, matching), named, query.sort)
        return replace(from_list(ids, facets), total=total, is_exact=is_exact)
    if among is not None:
        criteria = replace(criteria, words=common, among=tuple(among))
    if not named or query.sort != "score":
        return from_index(database, criteria, query.sort, total, facets, is_exact=is_exact)
    first = by_tier(sort_ids(database, criteria, query.sort, list(named)), named, query.sort)
    others: Condition = (f"artifacts.id NOT IN ({', '.join(map(str, map(int, first)))})", {})
    rest = from_index(database, criteria, query.sort, total, facets, is_exact=is_exact, only=others)
    return after_first(first, rest)


def _listing_limit(
    database: Database, query: Query, criteria: SearchCriteria, candidates: int, matching: Sequence[int], counts: Counts
) -> int:
    """Return the number of matches to list, given the first ones found; `candidates` if reading the sort order is faster.

    The latter passes more artifacts the rarer matches are.
    """
    artifacts = counts[""].get("", 0)
    expected = database.estimate(criteria.prefixes, criteria.word_groups, matching, artifacts)
    end = end_of_page(query)
    passed = end * artifacts / expected
    if criteria.tags and query.sort == "score":
        # The index of a language has only its artifacts, those with a score first; all others follow in the index of all artifacts.
        sample = matching[:SAMPLE]
        among, values = database.in_list("id", sample, "ids")
        question = f"SELECT count(*) FROM artifacts WHERE {among} AND ranking < {UNMEASURED}"
        measured = min(end, database.rows(question, values)[0][0] / len(sample) * expected)
        in_languages = sum(counts["language"].get(tag, 0) for tag in criteria.tags)
        passed = (measured * in_languages + (end - measured) * artifacts) / expected
    cost = _INDEX_COST if criteria.name_parts or criteria.facets_with_bits else _ROW_COST
    max_listed = min(int(passed * cost * (candidates / CANDIDATES) ** 2), max(candidates, MAX_LISTED))
    return max_listed if expected <= max_listed else candidates


def _common_words(database: Database, criteria: SearchCriteria, artifacts: int) -> tuple[str, ...]:
    """Return the words that most artifacts have, if the criteria narrow more. The index would read their lists to the end."""
    if replace(criteria, words=()).matches_all:
        return ()
    found = {word: database.match_ids([word], [], SAMPLE) for word in criteria.words}
    return tuple(
        word for word, ids in found.items() if database.estimate([word], [], ids, artifacts) > COMMON * artifacts
    )


def _sorting_limit(query: Query, criteria: SearchCriteria, candidates: int, artifacts: int) -> int:
    """Return the number of listed matches up to which sorting them is faster than finding them in the index of the sort order."""
    cost = _LANGUAGE_SET_COST if criteria.tags and query.sort == "score" else SET_COST
    return max(candidates, int(candidates * sqrt(end_of_page(query) * artifacts * cost) / CANDIDATES))


def _page(database: Database, query: Query, found: Matches) -> tuple[list[int], int]:
    """Return the ids of a page and its offset: after the artifact `query.after`, even if others were added or removed meanwhile."""
    last = database.rows("SELECT id FROM artifacts WHERE key = :key", {"key": query.after}) if query.after else []
    if not last:
        return found.ids(query.limit, query.offset), query.offset
    if found.after is not None:
        return found.after(query.limit, last[0][0]), query.offset
    start = max(0, query.offset - DRIFT)
    around = found.ids(query.offset - start + query.limit + DRIFT, start)
    first = around.index(last[0][0]) + 1 if last[0][0] in around else query.offset - start
    return around[first : first + query.limit], start + first


def _total(
    database: Database, criteria: SearchCriteria, counts: Counts, found: int, has_private: bool
) -> tuple[int, bool]:
    """Return the number of matches and whether it is exact, as it is for a single facet value; otherwise it is a lower bound."""
    if criteria.name_parts or criteria.required_tags or criteria.alternatives:
        return found, False
    if len(criteria.columns) == 1 and not (criteria.words or criteria.bases or criteria.tags):
        ((column, wanted),) = criteria.columns.items()
        if column != OWNER:
            return sum(counts[column].get(value, 0) for value in wanted), True
        owners = [owner.lower() for owner in wanted]
        among, listed = database.in_list("lower(value)", owners, "wanted")
        question = f"SELECT coalesce(sum(artifacts), 0) FROM facet_counts WHERE facet = 'owner' AND {among}"
        total = int(database.rows(question, listed)[0][0])
        if has_private:
            condition, values = visibility_condition(criteria.readers)
            among, listed = database.in_list("lower(owner)", owners, "wanted")
            question = f"SELECT count(*) FROM artifacts WHERE private = TRUE AND {among} AND {condition}"
            total += int(database.rows(question, {**listed, **values})[0][0])
        return total, True
    if len(criteria.tags) == 1 and not (criteria.words or criteria.bases or criteria.columns):
        return counts["language"].get(criteria.tags[0], 0), True
    return found, False
