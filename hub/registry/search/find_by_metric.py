"""Find artifacts by the value of a metric, and by words and facets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING

from hub.records import Query
from hub.registry.scores.by_metric import (
    MetricFilter,
    artifacts_with_score,
    count_scores,
    metric_filter,
    score_page,
    sort_by_score,
)
from hub.registry.scores.rankings import Ranking
from hub.registry.search.conditions import conditions_of, filter_exactly, filter_matches
from hub.registry.search.criteria import SearchCriteria
from hub.registry.search.matches import SAMPLE, SET_COST, Matches, end_of_page, from_index, from_list
from hub.registry.search.sorting import ALL, Counts, rank, sort_ids

if TYPE_CHECKING:
    from hub.registry.database.database import Database

BY_METRIC = "metric"
"""The sort order by values of `Query.metric`."""
MAX_COMPARED = 2000
"""Maximum number of artifacts whose rows or scores are compared one by one; beyond that, reading an order is as fast."""
FEW = 5
"""Number of matches among the first artifacts with a score, below which all artifacts that match are looked up instead."""
DENSE = 0.2
"""Share of the artifacts with a score that match, from which on values are read from the best one instead of listed."""
_CHECK_COST = 2
"""Cost of looking up whether an artifact has a score, relative to listing one."""
MAX_LISTED = 17_000
"""Maximum number of scores whose artifacts are listed to be found in the index of the sort order."""


def find_by_metric(
    database: Database, query: Query, criteria: SearchCriteria, candidates: int, ranking: Ranking | None, counts: Counts
) -> Matches:
    """Find matches of a metric, and of words and facets: the rarer side gives the candidates for the other.

    `ranking`: the one that orders them, if they are ordered by value. `counts`: the numbers of all artifacts with each value.
    """
    score_filter = metric_filter(database, query, criteria.tags, ranking)
    max_compared = max(candidates, MAX_COMPARED) if candidates else 0
    conditions, values = conditions_of(database, criteria)
    scored = artifacts_with_score(database, score_filter, candidates)
    kept = filter_matches(database, criteria, scored)
    if len(scored) <= candidates:
        return _all_of(database, query, criteria, score_filter, kept, candidates)
    is_fast = query.sort == BY_METRIC and database.reads_lists_on_demand  # Else, a few matches are enough to go on.
    if conditions and len(kept) < (DENSE * len(scored) if is_fast else FEW):
        matching = database.match_ids(criteria.prefixes, criteria.word_groups, max_compared)
        if len(matching) <= max_compared:
            kept = filter_exactly(database, criteria, sort_by_score(database, score_filter, matching))
            return _all_of(database, query, criteria, score_filter, kept, candidates)
    share = max(len(kept), 1) / len(scored)
    in_language = bool(criteria.tags) and query.sort == "score"
    max_sorted = max_compared
    if query.sort == BY_METRIC:
        max_listed = 0 if share >= DENSE else max_compared
    elif in_language:
        max_listed = max_compared
    else:
        # Reading another order passes artifacts that do not match or have no such score. Bits of facets are compared before scores.
        passed = end_of_page(query) * counts[""].get("", 0)
        max_listed = min(MAX_LISTED, int(sqrt(passed if criteria.facets_with_bits else _CHECK_COST * passed / share)))
        max_sorted = max(max_compared, int(sqrt(passed * SET_COST))) if candidates else 0
    count = count_scores(database, score_filter, max_listed + 1) if max_listed else 1
    if count <= min(max_listed, max_sorted):
        kept = filter_matches(database, criteria, artifacts_with_score(database, score_filter, max_sorted))
        return _all_of(database, query, criteria, score_filter, kept, candidates)
    are_few = not in_language and query.sort != BY_METRIC and count <= max_listed
    _, facets = rank(database, criteria, "name", kept[:SAMPLE])
    if query.sort == BY_METRIC:
        by_metric = partial(score_page, database, score_filter, conditions, values)
        return Matches(by_metric, None, len(kept), facets, is_exact=False)
    if in_language:
        only = score_filter.exists, score_filter.values
    else:
        first, then = ([score_filter.among], []) if are_few else ([], [score_filter.exists])
        conditions, values = conditions_of(database, criteria, first=first, then=then)
        only, criteria = (" AND ".join(conditions), values | score_filter.values), ALL
    return from_index(database, criteria, query.sort, len(kept), facets, is_exact=False, only=only)


def _all_of(
    database: Database,
    query: Query,
    criteria: SearchCriteria,
    score_filter: MetricFilter,
    found: Sequence[int],
    candidates: int,
) -> Matches:
    """Return matches that were all found: exactly counted if there are not more than `candidates`."""
    is_exact = len(found) <= candidates
    if query.sort == BY_METRIC:
        found = sort_by_score(database, score_filter, found)
    order = "name" if query.sort == BY_METRIC else query.sort
    ranked, facets = rank(database, criteria, order, found if is_exact else found[:SAMPLE])
    if query.sort != BY_METRIC:
        found = ranked if is_exact else sort_ids(database, criteria, query.sort, found)
    return from_list(found, facets, is_exact=is_exact)
