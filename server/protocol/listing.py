"""GET /api/models and /api/datasets: lists that `list_models` and `list_datasets` walk through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import WrongRequest
from hub.local import LocalHub
from hub.records import Artifact, Query
from hub.registry import Registry
from server.access import Hub, asks_for_dataset, is_dataset
from server.identity import caller_of
from server.paging import behind, link_to, word_for
from server.protocol.flags import is_true
from server.protocol.repository import summary, tags
from server.query import read_number

LARGEST = 1000
"""Artifacts a page, at most, as on the Hugging Face Hub."""
_STRIDE = 100
"""Artifacts read from the registry at a time."""
MOST_READ = 2000
"""Artifacts looked at for one page, where few of them bear the tags."""
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
    query = _query(request, hub)
    if "cursor" in parameters:
        query = behind(query, parameters["cursor"])
    wanted = frozenset(word.lower() for word in parameters.getlist("filter"))
    found, following = matching(hub.registry, query, wanted, limit, datasets=asks_for_dataset(request))
    headers = link_to(request, word_for(following)) if following else {}
    is_full = is_true(request, "full")
    return JSONResponse([_body(artifact, is_full) for artifact in found], headers=headers)


def matching(
    registry: Registry, query: Query, wanted: frozenset[str], limit: int, *, datasets: bool
) -> tuple[list[Artifact], Query | None]:
    """Up to `limit` artifacts that bear every wanted tag, in lower case, and the query for what stands behind them, if anything.

    They are fewer than `limit` also where MOST_READ were looked at: the list goes on behind those.
    """
    found: list[Artifact] = []
    follows = query
    for _ in range(0, MOST_READ, _STRIDE):
        page = registry.find(replace(query, limit=_STRIDE))
        for place, artifact in enumerate(page.items, query.offset + 1):
            if is_dataset(artifact) == datasets and wanted <= {word.lower() for word in tags(artifact)}:
                if len(found) == limit:
                    return found, follows
                found.append(artifact)
            query = replace(query, offset=place, after=artifact.name.key)
            follows = query if found and found[-1] is artifact else follows
        if len(page.items) < _STRIDE:
            return found, None
    return found, query


def _query(request: Request, hub: LocalHub) -> Query:
    """What the registry itself can narrow down; the rest is compared tag by tag."""
    parameters = request.query_params
    sort = parameters.get("sort", "")
    if sort not in _SORTS:
        raise WrongRequest(f"cannot sort by `{sort[:80]}`: choose one of {', '.join(filter(None, _SORTS))}.")
    asked = [each.strip().lower() for each in parameters.getlist("filter")]
    licenses = [each.removeprefix("license:") for each in asked if each.startswith("license:")]
    bases = [each.rpartition(":")[2] for each in asked if each.startswith("base_model:")]
    words = [
        each for each in asked if not each.startswith(("license:", "base_model:"))
    ]  # Tags are words that search looks through.
    return Query(
        text=" ".join([parameters.get("search", "").strip(), *words]),
        owner=parameters.get("author", ""),
        kind="dataset" if asks_for_dataset(request) else "",
        license=next(iter(licenses), ""),
        base=next(iter(bases), ""),
        scores="best",
        readers=caller_of(request, hub).owners(),
        sort=_SORTS[sort],
    )


def _body(artifact: Artifact, is_full: bool) -> dict[str, Any]:
    body = summary(artifact)
    return body if is_full else {key: body[key] for key in _SHORT if key in body}
