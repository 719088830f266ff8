"""Pages of lists: signed cursors, and, the Hugging Face way, the next page's address in the header `Link`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import Request
from itsdangerous import BadData

from hub.errors import WrongRequest
from hub.records import Page, Query
from server.http.addresses import absolute, with_parameters
from server.http.signed_links import serializer

_OFFSET = "offset"


def write_cursor(request: Request, offset: int) -> str:
    """An opaque word for a place in a list."""
    return _write(request, _OFFSET, offset)


def offset_of(request: Request) -> int:
    """The place that the parameter `cursor` names, 0 without one. Raises WrongRequest for a word that `write_cursor` has not made."""
    cursor = request.query_params.get("cursor")
    return int(_read(request, _OFFSET, cursor)) if cursor else 0


def next_link(request: Request, offset: int) -> dict[str, str]:
    """The header that leads to the page beginning at `offset`."""
    return link_to(request, write_cursor(request, offset))


def link_to(request: Request, cursor: str) -> dict[str, str]:
    """The header that leads to the page of a cursor."""
    return {"Link": f'<{absolute(request, with_parameters(request, cursor=cursor))}>; rel="next"'}


def cursor_behind(request: Request, query: Query, page: Page) -> str | None:
    """A word for the place behind a page of a search; None for its last page.

    It names the last artifact, so that what comes or goes in the meantime makes nobody see one twice or miss one.
    """
    reached = page.offset + len(page.items)
    is_counted = page.is_exact and not query.after  # Behind an artifact, others may have come and gone before it.
    if len(page.items) < max(query.limit, 1) or (is_counted and reached >= page.total):
        return None
    return word_for(request, replace(query, offset=reached, after=page.items[-1].name.key))


def word_for(request: Request, query: Query) -> str:
    """A cursor for the place where a query begins."""
    return _write(request, _search(query), [query.offset, query.after])


def behind(request: Request, query: Query, cursor: str) -> Query:
    """The query for the page behind `cursor`. Raises WrongRequest for a word of another search, or of nobody."""
    offset, after = _read(request, _search(query), cursor)
    return replace(query, offset=offset, after=after)


def _search(query: Query) -> str:
    """The purpose of a search's cursors: everything about it but its place, the length of its pages and who asks."""
    return f"search {replace(query, offset=0, limit=0, after='', readers=None)!r}"


def _write(request: Request, purpose: str, place: Any) -> str:
    return str(serializer(request.app.state.hub, f"cursor {purpose}").dumps(place))


def _read(request: Request, purpose: str, cursor: str) -> Any:
    try:
        return serializer(request.app.state.hub, f"cursor {purpose}").loads(cursor)
    except BadData as error:
        raise WrongRequest(
            "this cursor was not made here, or for another search: start again without `cursor`."
        ) from error
