"""All matches of a search, of which pages are read from the index of a sort order or from a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from hub.registry.search.criteria import SearchCriteria
from hub.registry.search.keyset_pages import ANY, Condition, first_page, language_page, language_page_after, page_after
from hub.registry.search.names_first import UNNAMED
from hub.registry.search.sorting import Counts

if TYPE_CHECKING:
    from hub.records import Query
    from hub.registry.database.database import Database

SET_COST = 0.1
"""Cost of scanning past an artifact that is compared with listed ones, relative to sorting one of these."""
SAMPLE = 200
"""Number of matches whose facets are counted when there are too many to count all."""


@dataclass(frozen=True, slots=True)
class Matches:
    """All matches, of which pages are read on demand."""

    ids: Callable[[int, int], list[int]]
    """Return the ids of a page from a limit and an offset."""
    after: Callable[[int, int], list[int]] | None
    """Return the ids of a page from a limit and the id of the artifact before it; None if only offsets are supported."""
    total: int
    facets: Counts
    is_exact: bool = True


def from_index(
    database: Database,
    criteria: SearchCriteria,
    sort: str,
    total: int,
    facets: Counts,
    *,
    is_exact: bool = True,
    only: Condition = ANY,
) -> Matches:
    """Read frequent matches from the index of the sort order."""
    if criteria.tags and sort == "score":
        by_language = partial(language_page, database, criteria, only=only)
        return Matches(
            by_language, partial(language_page_after, database, criteria, only=only), total, facets, is_exact
        )
    by_order = partial(first_page, database, criteria, sort, only=only)
    return Matches(by_order, partial(page_after, database, criteria, sort, only=only), total, facets, is_exact)


def from_list(ids: Sequence[int], facets: Counts, *, is_exact: bool = True) -> Matches:
    """Read rare matches from the sorted list of all of them."""

    def at(limit: int, offset: int) -> list[int]:
        return list(ids[offset : offset + limit])

    def after(limit: int, last: int) -> list[int]:
        return at(limit, ids.index(last) + 1 if last in ids else len(ids))

    return Matches(at, after, len(ids), facets, is_exact)


def by_tier(ids: Sequence[int], named: Mapping[int, int], sort: str) -> list[int]:
    """Return sorted ids with those in `named` first, by their tiers, unless people sort by something else than relevance."""
    return sorted(ids, key=lambda each: named.get(each, UNNAMED)) if sort == "score" else list(ids)


def after_first(first: Sequence[int], rest: Matches) -> Matches:
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


def end_of_page(query: Query) -> int:
    """Return the number of artifacts up to the end of the page, from where it is read."""
    return query.limit + (0 if query.after else query.offset)
