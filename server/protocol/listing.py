"""GET /api/models and /api/datasets: lists that `list_models` and `list_datasets` walk through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import WrongRequest
from hub.local import LocalHub
from hub.records import Artifact, Query
from hub.registry import Registry
from server.access import Hub, asks_for_dataset, is_dataset
from server.identity import caller_of
from server.paging import next_link, read_cursor
from server.protocol.flags import is_true
from server.protocol.repository import summary, tags
from server.query import read_number

LARGEST = 1000
"""Artifacts a page, at most, as on the Hugging Face Hub."""
_STRIDE = 100
"""Artifacts read from the registry at a time."""
_SORTS = {
    "": "score",
    "trendingScore": "score",
    "downloads": "downloads",
    "likes": "downloads",
    "lastModified": "updated",
    "createdAt": "updated",
}
_SHORT = ("_id", "id", "modelId", "private", "downloads", "likes", "tags", "pipeline_tag", "library_name", "createdAt")


def list_repositories(request: Request, hub: Hub) -> Response:
    """A JSON array; the header `Link` leads to the next page while there is one."""
    parameters = request.query_params
    limit = read_number("limit", parameters.get("limit", "100"), 1, LARGEST)
    offset = read_cursor(parameters["cursor"]) if "cursor" in parameters else 0
    wanted = frozenset(word.lower() for word in parameters.getlist("filter"))
    found = matching(hub.registry, _query(request, hub), wanted, datasets=asks_for_dataset(request), offset=offset)
    page = list(islice(found, limit + 1))
    headers = next_link(request, page[limit - 1][0] + 1) if len(page) > limit else {}
    is_full = is_true(request, "full")
    return JSONResponse([_body(artifact, is_full) for _, artifact in page[:limit]], headers=headers)


def matching(
    registry: Registry, query: Query, wanted: frozenset[str], *, datasets: bool, offset: int
) -> Iterator[tuple[int, Artifact]]:
    """Artifacts that bear every wanted tag, in lower case; each with its place among all answers to `query`."""
    while True:
        page = registry.find(replace(query, offset=offset, limit=_STRIDE))
        for place, artifact in enumerate(page.items, offset):
            if is_dataset(artifact) == datasets and wanted <= {word.lower() for word in tags(artifact)}:
                yield place, artifact
        offset += len(page.items)
        if not page.items or offset >= page.total:
            return


def _query(request: Request, hub: LocalHub) -> Query:
    """What the registry itself can narrow down; the rest is compared tag by tag."""
    parameters = request.query_params
    sort = parameters.get("sort", "")
    if sort not in _SORTS:
        raise WrongRequest(f"cannot sort by `{sort[:80]}`: choose one of {', '.join(filter(None, _SORTS))}.")
    return Query(
        text=parameters.get("search", "").strip(),
        owner=parameters.get("author", ""),
        kind="dataset" if asks_for_dataset(request) else "",
        license=next((each[8:] for each in parameters.getlist("filter") if each.startswith("license:")), ""),
        readers=caller_of(request, hub).owners(),
        sort=_SORTS[sort],
    )


def _body(artifact: Artifact, is_full: bool) -> dict[str, Any]:
    body = summary(artifact)
    return body if is_full else {key: body[key] for key in _SHORT if key in body}
