"""Find artifacts by words and facets in one index, best reproduced score first.

The cost of a search does not grow with the number of matches. Up to CANDIDATES matches are ranked and counted, which is exact.
Beyond that, matches are frequent, so scanning the index of the sort order soon finds the best ones, which is exact, too; only
totals and facet counts become lower bounds. (Ranking every match of a common word takes a second among a million artifacts.)
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING

from hub.errors import InvalidRequest
from hub.records import Page, Query
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.artifacts.rows import read_artifacts
from hub.registry.index.ranking import UNMEASURED
from hub.registry.scores.by_metric import (
    artifacts_with_score,
    best_values,
    count_scores,
    metric_filter,
    score_page,
    sort_by_score,
    the_ranking,
)
from hub.registry.scores.rankings import Ranking
from hub.registry.scores.rows import headlines
from hub.registry.search.criteria import (
    ORDER_BY,
    OWNER,
    Reading,
    SearchCriteria,
    conditions_of,
    criteria_of,
    filter_exactly,
    read_literally,
)
from hub.registry.search.keyset_pages import ANY, Condition, first_page, language_page, language_page_after, page_after
from hub.registry.search.names_first import UNNAMED, names_first
from hub.registry.search.sorting import ALL, FACETS, Counts, add_private_counts, facet_counts, rank, sort_ids

if TYPE_CHECKING:
    from hub.registry.database.database import Database

CANDIDATES = 500
"""Maximum number of matches that are ranked and counted one by one."""
MAX_LISTED = 20_000
"""Maximum number of matches, or of artifacts with certain scores, that are listed to be found in the index of the sort order."""
_INDEX_COST = 0.05
"""Cost of scanning past an artifact when the index contains its name, relative to reading its row."""
_SET_COST = 0.1
"""Cost of scanning past an artifact that is compared with the listed matches, relative to sorting one of these."""
_LANGUAGE_SET_COST = 0.05
"""The same for an order by relevance for a language, in which sorting reads the scores of each match."""
SHALLOW = 100
"""Maximum number of artifacts up to the end of a page for which matches with a score in a language are not listed."""
MAX_COMPARED = 2000
"""Maximum number of matches that are ranked when a metric filters them, too; beyond that, scanning is as fast."""
SAMPLE = 200
"""Number of matches whose facets are counted when there are more than CANDIDATES."""
MAX_PAGE = 1001
"""Maximum number of artifacts of a page: one more than is ever shown, to know whether another page follows."""
DRIFT = 50
"""Maximum number of positions that the last artifact of a page may have moved before the next page is requested."""
SORTS = ("score", "updated", "downloads", "trend", "name")
"""Sort orders of the command line and the pages. Hugging Face clients can use the others, too."""
BY_METRIC = "metric"
"""The sort order by values of `Query.metric`."""


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
            found = _find_by_metric(database, query, criteria, candidates, ranking, counts[""].get("", 0))
        elif criteria.matches_all:
            facets = {facet: counts[facet] for facet in FACETS}
            found = _from_index(database, criteria, query.sort, counts[""].get("", 0), facets)
        else:
            found = _find_by_criteria(database, query, criteria, candidates, counts, named, has_private=has_private)
        ids, offset = _page(database, query, found)
        best = headlines(database, ids, _one_language(query, reading)) if query.scores == "best" else None
        if best is not None and query.metric:
            best |= best_values(database, query, ids, criteria.tags, ranking)
        return Page(read_artifacts(database, ids, best), found.total, found.facets, found.is_exact, offset)


@dataclass(frozen=True, slots=True)
class _Matches:
    """All matches, of which pages are read on demand."""

    ids: Callable[[int, int], list[int]]
    """Return the ids of a page from a limit and an offset."""
    after: Callable[[int, int], list[int]] | None
    """Return the ids of a page from a limit and the id of the artifact before it; None if only offsets are supported."""
    total: int
    facets: Counts
    is_exact: bool = True


def _from_index(
    database: Database,
    criteria: SearchCriteria,
    sort: str,
    total: int,
    facets: Counts,
    *,
    is_exact: bool = True,
    only: Condition = ANY,
) -> _Matches:
    """Read frequent matches from the index of the sort order."""
    if criteria.tags and sort == "score":
        by_language = partial(language_page, database, criteria, only=only)
        return _Matches(
            by_language, partial(language_page_after, database, criteria, only=only), total, facets, is_exact
        )
    by_order = partial(first_page, database, criteria, sort, only=only)
    return _Matches(by_order, partial(page_after, database, criteria, sort, only=only), total, facets, is_exact)


def _from_list(ids: Sequence[int], facets: Counts, *, is_exact: bool = True) -> _Matches:
    """Read rare matches from the sorted list of all of them."""

    def at(limit: int, offset: int) -> list[int]:
        return list(ids[offset : offset + limit])

    def after(limit: int, last: int) -> list[int]:
        return at(limit, ids.index(last) + 1 if last in ids else len(ids))

    return _Matches(at, after, len(ids), facets, is_exact)


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
) -> _Matches:
    """Find matches of words and facets, after those in `named` by their tiers."""
    matching = database.match_ids(criteria.prefixes, criteria.word_groups, candidates)
    is_all = len(matching) <= candidates
    if not is_all:
        max_listed = _listing_limit(database, query, criteria, candidates, matching, counts[""].get("", 0))
        if max_listed > candidates:
            matching = database.match_ids(criteria.prefixes, criteria.word_groups, max_listed)
            is_all = len(matching) <= max_listed
    matching = filter_exactly(database, criteria, matching)
    if criteria.readers is not None:
        matching = _filter_visible(database, criteria.readers, matching)
    if is_all:
        matching = list(dict.fromkeys([*named, *matching]))
    if is_all and len(matching) <= candidates + len(named):
        ids, facets = rank(database, criteria, query.sort, matching)
        return _from_list(_by_tier(ids, named, query.sort), facets)
    _, facets = rank(database, criteria, "name", matching[:SAMPLE])
    total, is_exact = _total(database, criteria, counts, len(matching), has_private)
    if is_all:
        if len(matching) <= _sorting_limit(query, criteria, candidates, counts[""].get("", 0)):
            ids = _by_tier(sort_ids(database, criteria, query.sort, matching), named, query.sort)
            return replace(_from_list(ids, facets), total=total, is_exact=is_exact)
        criteria = replace(criteria, among=tuple(matching))
    if not named or query.sort != "score":
        return _from_index(database, criteria, query.sort, total, facets, is_exact=is_exact)
    first = _by_tier(sort_ids(database, criteria, query.sort, list(named)), named, query.sort)
    others: Condition = (f"artifacts.id NOT IN ({', '.join(map(str, map(int, first)))})", {})
    rest = _from_index(database, criteria, query.sort, total, facets, is_exact=is_exact, only=others)
    return _after_first(first, rest)


def _by_tier(ids: Sequence[int], named: Mapping[int, int], sort: str) -> list[int]:
    """Return sorted ids with those in `named` first, by their tiers, unless people sort by something else than relevance."""
    return sorted(ids, key=lambda each: named.get(each, UNNAMED)) if sort == "score" else list(ids)


def _after_first(first: Sequence[int], rest: _Matches) -> _Matches:
    """Return `first`, and then the other matches."""

    def at(limit: int, offset: int) -> list[int]:
        ids = list(first[offset : offset + limit])
        missing = limit - len(ids)
        return ids + (rest.ids(missing, max(0, offset - len(first))) if missing else [])

    def after(limit: int, last: int) -> list[int]:
        if last in first:
            return at(limit, first.index(last) + 1)
        return rest.after(limit, last) if rest.after else []

    return replace(rest, ids=at, after=after)


def _listing_limit(
    database: Database, query: Query, criteria: SearchCriteria, candidates: int, matching: Sequence[int], artifacts: int
) -> int:
    """Return the number of matches to list, given the first ones found; `candidates` if reading rows in the sort order is faster.

    The latter takes longer the rarer matches are, listing longer the more there are. With the returned number, both take equally long.
    """
    page = _end_of_page(query)
    read = artifacts * (_INDEX_COST if criteria.name_parts else 1)
    max_listed = min(int(candidates * sqrt(page * read) / CANDIDATES), max(candidates, MAX_LISTED))
    expected = len(matching) / (max(matching) - min(matching) + 1) * artifacts
    if expected > max_listed:
        return candidates
    if criteria.tags and query.sort == "score" and page <= SHALLOW:
        # The index of languages contains only artifacts with a score first.
        among, values = database.in_list("id", matching, "ids")
        question = f"SELECT count(*) FROM artifacts WHERE {among} AND ranking < {UNMEASURED}"
        if database.rows(question, values)[0][0] / len(matching) * expected > page:
            return candidates
    return max_listed


def _sorting_limit(query: Query, criteria: SearchCriteria, candidates: int, artifacts: int) -> int:
    """Return the number of listed matches up to which sorting them is faster than finding them in the index of the sort order."""
    cost = _LANGUAGE_SET_COST if criteria.tags and query.sort == "score" else _SET_COST
    return max(candidates, int(candidates * sqrt(_end_of_page(query) * artifacts * cost) / CANDIDATES))


def _end_of_page(query: Query) -> int:
    return query.limit + (0 if query.after else query.offset)


def _find_by_metric(
    database: Database, query: Query, criteria: SearchCriteria, candidates: int, ranking: Ranking | None, artifacts: int
) -> _Matches:
    """Find matches of a metric, and of words and facets: the rarer side gives the candidates for the other.

    `ranking`: the one that orders them, if they are ordered by value. `artifacts`: the number of all artifacts.
    """
    score_filter = metric_filter(database, query, criteria.tags, ranking)
    max_ranked = max(candidates, MAX_COMPARED) if candidates else 0
    matching = [] if criteria.matches_all else database.match_ids(criteria.prefixes, criteria.word_groups, max_ranked)
    is_sparse = not criteria.matches_all and len(matching) <= max_ranked
    conditions, values = conditions_of(database, criteria)
    if is_sparse:
        best_first = filter_exactly(database, criteria, sort_by_score(database, score_filter, matching))
        best_first = best_first if criteria.readers is None else _filter_visible(database, criteria.readers, best_first)
    else:
        matching = artifacts_with_score(database, score_filter, max_ranked)
        is_sparse = len(matching) <= max_ranked
        best_first = matching if is_sparse else matching[: candidates + 1]
        if conditions:
            among, more = database.in_list("id", best_first, "ids")
            rows = database.rows(
                f"SELECT id FROM artifacts WHERE {' AND '.join([among, *conditions])}", {**values, **more}
            )
            kept = {row[0] for row in rows}
            best_first = [each for each in best_first if each in kept]
        if is_sparse:
            best_first = sort_by_score(database, score_filter, best_first)
    is_exact = is_sparse and len(best_first) <= candidates
    sample = best_first if is_exact else best_first[:SAMPLE]
    order = "name" if query.sort == BY_METRIC else query.sort
    ranked, facets = rank(database, criteria, order, sample)
    if is_exact:
        return _from_list(best_first if query.sort == BY_METRIC else ranked, facets)
    if is_sparse:
        ids = best_first if query.sort == BY_METRIC else sort_ids(database, criteria, query.sort, best_first)
        return replace(_from_list(ids, facets), is_exact=False)
    total = len(best_first)
    if query.sort == BY_METRIC:
        by_metric = partial(score_page, database, score_filter, conditions, values)
        return _Matches(by_metric, None, total, facets, is_exact=False)
    in_language = bool(criteria.tags) and query.sort == "score"
    # Reading the artifacts of all such scores once is worth it if the order is scanned far: if both conditions rarely hold together.
    share = max(total, 1) / (candidates + 1)
    max_listed = min(MAX_LISTED, int(sqrt(_end_of_page(query) * artifacts / share)))
    are_few = not in_language and count_scores(database, score_filter, max_listed + 1) <= max_listed
    only = (score_filter.among if are_few else score_filter.exists, score_filter.values)
    if conditions and not in_language:
        # Indexes tell whether there is a score; the other conditions need the row, which databases would read first.
        only = (f"CASE WHEN {only[0]} THEN {' AND '.join(conditions)} ELSE FALSE END", {**values, **only[1]})
        criteria = ALL
    return _from_index(database, criteria, query.sort, total, facets, is_exact=False, only=only)


def _page(database: Database, query: Query, found: _Matches) -> tuple[list[int], int]:
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


def _filter_visible(database: Database, readers: tuple[str, ...], ids: Sequence[int]) -> list[int]:
    """Keep the `ids` that `readers` may see, in order."""
    among, values = database.in_list("id", ids, "ids")
    condition, more = visibility_condition(readers)
    hidden = {
        row[0]
        for row in database.rows(
            f"SELECT id FROM artifacts WHERE {among} AND private AND NOT {condition}", {**values, **more}
        )
    }
    return [each for each in ids if each not in hidden]


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
