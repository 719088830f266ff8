"""Pages of lists: opaque cursors, and, the Hugging Face way, the next page's address in the header `Link`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import Request

from hub.errors import WrongRequest
from server.addresses import absolute, with_parameters

if TYPE_CHECKING:
    from hub.records import Page, Query

_FOREIGN = "this cursor was not made here, or for another search: start again without `cursor`."


def write_cursor(offset: int) -> str:
    """An opaque word for a place in a list."""
    return base64.urlsafe_b64encode(f"after:{offset}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> int:
    """The place that `write_cursor` wrote down; WrongRequest for anything else."""
    try:
        word, _, offset = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii").partition(":")
    except (binascii.Error, ValueError) as error:
        raise WrongRequest("this cursor was not made here: start again without `cursor`.") from error
    if word != "after" or not offset.isdecimal():
        raise WrongRequest("this cursor was not made here: start again without `cursor`.")
    return int(offset)


def next_link(request: Request, offset: int) -> dict[str, str]:
    """The header that leads to the page beginning at `offset`."""
    return link_to(request, write_cursor(offset))


def link_to(request: Request, cursor: str) -> dict[str, str]:
    """The header that leads to the page of a cursor."""
    return {"Link": f'<{absolute(request, with_parameters(request, cursor=cursor))}>; rel="next"'}


def cursor_behind(query: Query, page: Page) -> str | None:
    """A word for the place behind a page of a search; None for its last page.

    It names the last artifact, so that what comes or goes in the meantime makes nobody see one twice or miss one.
    """
    reached = page.offset + len(page.items)
    is_counted = page.is_exact and not query.after  # Behind an artifact, others may have come and gone before it.
    if len(page.items) < max(query.limit, 1) or (is_counted and reached >= page.total):
        return None
    return word_for(replace(query, offset=reached, after=page.items[-1].name.key))


def word_for(query: Query) -> str:
    """A cursor for the place where a query begins."""
    place = [_mark(query), query.offset, query.after]
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def behind(query: Query, cursor: str) -> Query:
    """The query for the page behind `cursor`. Raises WrongRequest for a word of another search, or of nobody."""
    try:
        mark, offset, after = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise WrongRequest(_FOREIGN) from error
    is_ours = mark == _mark(query) and isinstance(offset, int) and isinstance(after, str) and 0 <= offset < 1 << 40
    if not is_ours:
        raise WrongRequest(_FOREIGN)
    return replace(query, offset=offset, after=after)


def _mark(query: Query) -> str:
    """What a search is known by: everything but its place, the length of its pages and who asks."""
    asked = replace(query, offset=0, limit=0, after="", readers=None)
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:12]
