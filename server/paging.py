"""Pages of lists, the Hugging Face way: an opaque cursor, and the next page's address in the header `Link`."""

from __future__ import annotations

import base64
import binascii

from fastapi import Request

from hub.errors import WrongRequest
from server.addresses import absolute, with_parameters


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
    address = absolute(request, with_parameters(request, cursor=write_cursor(offset)))
    return {"Link": f'<{address}>; rel="next"'}
