"""Pagination with signed cursors, and the header `Link` with the URL of the next page, as on the Hugging Face Hub."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import Request
from itsdangerous import BadData

from hub.errors import InvalidRequest
from hub.records import Page, Query
from server.http.signed_links import serializer
from server.http.urls import absolute, with_parameters

_OFFSET, _PATH = "offset", "path"


def write_cursor(request: Request, offset: int) -> str:
    """Return an opaque cursor for a position in a list."""
    return _write(request, _OFFSET, offset)


def offset_of(request: Request) -> int:
    """Return the position of the parameter `cursor`, 0 without one. Raises InvalidRequest for an invalid cursor."""
    cursor = request.query_params.get("cursor")
    return int(_read(request, _OFFSET, cursor)) if cursor else 0


def write_position(request: Request, *, in_files: bool, after: str) -> str:
    """Return an opaque cursor for the position after a path of a tree, among its folders or its files, which follow them."""
    return _write(request, _PATH, [in_files, after])


def position_of(request: Request) -> tuple[bool, str]:
    """Return the position of the parameter `cursor`, `(False, "")` without one. Raises InvalidRequest for an invalid cursor."""
    cursor = request.query_params.get("cursor")
    in_files, after = _read(request, _PATH, cursor) if cursor else (False, "")
    return bool(in_files), str(after)


def next_link(request: Request, offset: int) -> dict[str, str]:
    """Return the header `Link` for the page that starts at `offset`."""
    return link_to(request, write_cursor(request, offset))


def link_to(request: Request, cursor: str) -> dict[str, str]:
    """Return the header `Link` for the page of a cursor."""
    return {"Link": f'<{absolute(request, with_parameters(request, cursor=cursor))}>; rel="next"'}


def cursor_after(request: Request, query: Query, page: Page) -> str | None:
    """Return a cursor for the page after `page` of a search; None after the last page.

    It contains the name of the last artifact, so that none is repeated or skipped when others are added or removed.
    """
    end = page.offset + len(page.items)
    is_counted = page.is_exact and not query.after  # Artifacts before a cursor may have been added or removed.
    if len(page.items) < max(query.limit, 1) or (is_counted and end >= page.total):
        return None
    return cursor_for(request, replace(query, offset=end, after=page.items[-1].name.key))


def cursor_for(request: Request, query: Query) -> str:
    """Return a cursor for the position at which the query starts."""
    return _write(request, _purpose_of(query), [query.offset, query.after])


def query_at(request: Request, query: Query, cursor: str) -> Query:
    """Return the query for the page of `cursor`. Raises InvalidRequest if the cursor is invalid or belongs to another search."""
    offset, after = _read(request, _purpose_of(query), cursor)
    return replace(query, offset=offset, after=after)


def _purpose_of(query: Query) -> str:
    """Return the signing purpose of the cursors of a search: the query without position, page size and caller."""
    return f"search {replace(query, offset=0, limit=0, after='', readers=None)!r}"


def _write(request: Request, purpose: str, position: Any) -> str:
    return str(serializer(request.app.state.hub, f"cursor {purpose}").dumps(position))


def _read(request: Request, purpose: str, cursor: str) -> Any:
    try:
        return serializer(request.app.state.hub, f"cursor {purpose}").loads(cursor)
    except BadData as error:
        raise InvalidRequest(
            "this cursor is invalid or belongs to another search: start again without `cursor`."
        ) from error
