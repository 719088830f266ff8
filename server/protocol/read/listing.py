"""GET /api/models and /api/datasets: lists of repositories, as `HfApi.list_models` and `list_datasets` request them."""

from __future__ import annotations

import re
from dataclasses import replace

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import InvalidRequest
from hub.local import LocalHub
from hub.records import Artifact, Page, Query
from hub.registry.artifacts.files import first_within
from hub.registry.artifacts.rows import read_files
from hub.registry.index.tags import MAX_COUNT
from server.auth.access import Hub, is_dataset_request
from server.auth.caller import caller_of
from server.http.paging import cursor_for, link_to, query_at
from server.http.search_parameters import read_number
from server.protocol.read.properties import READING, is_true, read_properties, requested_properties
from server.protocol.read.repository_view import RepositoryView

MAX_LIMIT = 1000
"""Artifacts per page, as on the Hugging Face Hub."""
MAX_WITH_FILES = 500
MAX_READING = 100
"""Artifacts per page if files of each repository are read."""
MAX_FILES = 100_000
"""Files per page: the page ends before the artifact that would exceed it, unless it is the first."""
_SORTS = {
    "": "score",
    "trendingScore": "trend",
    "downloads": "downloads",
    "likes": "likes",
    "lastModified": "updated",
    "createdAt": "created",
}
_SHORT = (
    "createdAt", "downloads", "library_name", "likes", "pipeline_tag", "private", "tags", "trendingScore",
)  # fmt: skip
_FULL = ("author", "disabled", "gated", "lastModified", "sha", "siblings", "description")
_UNSUPPORTED_FILTERS = ("apps", "inference", "inference_provider", "benchmark")
"""Filters by features that no artifact here has: applications, inference providers, official benchmarks."""
_RANGE = re.compile(r"(min|max):(\d{1,18}(?:\.\d{1,18})?)([KMBT]?)")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def list_repositories(request: Request, hub: Hub) -> Response:
    """Return a JSON array, with the URL of the next page in the header `Link`. Raises InvalidRequest."""
    parameters = request.query_params
    names = _names(request)
    maximum = MAX_READING if READING & set(names) else MAX_WITH_FILES if "siblings" in names else MAX_LIMIT
    limit = min(maximum, read_number("limit", parameters.get("limit", "100"), 1, MAX_LIMIT))
    query = _query(request, hub)
    if "cursor" in parameters:
        query = query_at(request, query, parameters["cursor"])
    if any(parameters.get(each) for each in _UNSUPPORTED_FILTERS):
        return JSONResponse([])
    found = _find(hub, replace(query, limit=limit + 1)).items
    headers = {}
    if {"siblings", *READING} & set(names):
        limit = min(limit, first_within(hub.registry.database, [each.revision for each in found], MAX_FILES))
    if len(found) > limit:
        next_query = replace(query, offset=query.offset + limit, after=found[limit - 1].name.key)
        headers = link_to(request, cursor_for(request, next_query))
    return JSONResponse(_bodies(hub, found[:limit], names), headers=headers)


def _names(request: Request) -> list[str]:
    """Return the requested properties."""
    requested = requested_properties(request, datasets=is_dataset_request(request))
    if requested:
        return requested
    names = [*_SHORT, *(_FULL if is_true(request, "full") else ())]
    return names + [name for name in ("config", "cardData") if is_true(request, name)]


def _query(request: Request, hub: LocalHub) -> Query:
    parameters = request.query_params
    sort = parameters.get("sort", "")
    if sort not in _SORTS:
        raise InvalidRequest(f"cannot sort by `{sort[:80]}`: choose one of {', '.join(filter(None, _SORTS))}.")
    if parameters.get("direction", "-1") != "-1":
        raise InvalidRequest("lists are sorted in descending order: `direction` can only be -1.")
    labels = [*parameters.getlist("filter"), *parameters.getlist("pipeline_tag")]
    return Query(
        owner=parameters.get("author", ""),
        type="dataset" if is_dataset_request(request) else "model",
        labels=tuple(label for label in labels if label),
        parts=tuple(part for each in parameters.getlist("search") if (part := each.strip())),
        gated=is_true(request, "gated") if parameters.get("gated") else None,
        parameters=_parameter_range(parameters.get("num_parameters", "")),
        scores="best",
        readers=caller_of(request, hub).readers(),
        sort=_SORTS[sort],
        offset=read_number("skip", parameters.get("skip", "0"), 0, 10**6),
    )


def _find(hub: LocalHub, query: Query) -> Page:
    """Find repositories with all search terms in their name, otherwise with the words in their description."""
    page = hub.registry.find(query, explain=False)
    if page.total or not query.parts:
        return page
    return hub.registry.find(replace(query, parts=(), text=" ".join(query.parts)), explain=False)


def _parameter_range(text: str) -> tuple[int, int] | None:
    """Parse `min:6B,max:128B` as 6·10⁹ … 128·10⁹."""
    if not text:
        return None
    bounds = {"min": 0, "max": MAX_COUNT}
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise InvalidRequest(f"`num_parameters` must be like `min:6B,max:128B`, not `{text[:80]}`.")
        bounds[found[1]] = min(MAX_COUNT, int(float(found[2]) * _UNITS[found[3]]))
    return bounds["min"], bounds["max"]


def _bodies(hub: LocalHub, artifacts: tuple[Artifact, ...], names: list[str]) -> list[dict[str, object]]:
    """Return these properties of the artifacts. Files, if needed, are read with one query for all artifacts."""
    has_files = bool({"siblings", *READING} & set(names))
    files = read_files(hub.registry.database, [each.revision for each in artifacts]) if has_files else {}
    found = []
    for artifact in artifacts:
        view = RepositoryView(hub, artifact, artifact.revision, files.get(artifact.revision, ()))
        more = {} if view.is_dataset else {"modelId": artifact.name.repository}
        found.append(read_properties(view, names) | more)
    return found
