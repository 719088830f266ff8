"""From the query string to a `Query`: the page and the API ask with the same words as `hub search`."""

from __future__ import annotations

import difflib
from typing import Any

from starlette.datastructures import QueryParams

from hub.errors import WrongRequest
from hub.languages import parse_language
from hub.records import Query
from hub.registry.search import SORTS

MOST = 100
"""Largest page, in artifacts."""
_ALIASES = {"q": "text", "language": "lang"}
_MEANINGS = {
    "text": "Words in names, summaries and tags.",
    "lang": "A language's BCP-47 tag or name: `yo`, `yor`, `Yoruba`, `Yorùbá`.",
    "kind": "`adapter`, `projector`, `encoder`, `delta`, `base` or `dataset`.",
    "base": "Name of a base that the artifact has weights for.",
    "method": "Training method: `mulan`, `pea` …",
    "license": "SPDX identifier.",
    "owner": "Owner of the artifact.",
    "sort": f"One of {', '.join(SORTS)}; `score` puts the best measured first.",
    "limit": f"1 to {MOST} artifacts; 20 when absent.",
    "offset": "How many to leave out from the start.",
}
PARAMETERS: list[dict[str, Any]] = [
    {
        "name": name,
        "in": "query",
        "required": False,
        "description": meaning,
        "schema": {"type": "integer" if name in {"limit", "offset"} else "string"},
    }
    for name, meaning in _MEANINGS.items()
]
"""For the OpenAPI document."""


def read_query(parameters: QueryParams, readers: tuple[str, ...] | None = ()) -> Query:
    """The query of a search, by somebody who also finds what is private to `readers`.

    Empty parameters, as forms send them, do not restrict.

    Raises UnknownLanguage with near names, and WrongRequest for unknown parameters and numbers out of range.
    """
    given: dict[str, str] = {}
    for written, value in parameters.multi_items():
        name = _ALIASES.get(written, written)
        if name not in _MEANINGS:
            near = difflib.get_close_matches(name, _MEANINGS, n=1)
            hint = f" Did you mean `{near[0]}`?" if near else f" There are {', '.join(_MEANINGS)}."
            raise WrongRequest(f"no search parameter is called `{name[:80]}`.{hint}")
        if value.strip():
            given[name] = value.strip()
    if (sort := given.get("sort", "score")) not in SORTS:
        raise WrongRequest(f"cannot sort by `{sort[:80]}`: choose one of {', '.join(SORTS)}.")
    return Query(
        text=given.get("text", ""),
        language=parse_language(given["lang"]) if "lang" in given else "",
        kind=given.get("kind", ""),
        base=given.get("base", ""),
        method=given.get("method", ""),
        license=given.get("license", ""),
        owner=given.get("owner", ""),
        readers=readers,
        sort=sort,
        limit=read_number("limit", given.get("limit", "20"), 1, MOST),
        offset=read_number("offset", given.get("offset", "0"), 0, 1_000_000),
    )


def read_number(name: str, text: str, least: int, most: int) -> int:
    """A whole number of a query string; WrongRequest outside `least` … `most`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and least <= int(text) <= most):
        raise WrongRequest(f"`{name}` must be a whole number from {least} to {most}, not `{text[:80]}`.")
    return int(text)
