"""GET /api/models-tags-by-type and /api/datasets-tags-by-type: the tags that lists can be filtered by."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from fastapi import Request
from starlette.responses import JSONResponse, Response

from hub.errors import UnknownLanguage
from hub.languages import language_name
from hub.records import Query
from hub.registry.index.tags import CURATED_OWNER
from server.auth.access import Hub, is_dataset_request


def list_tags(request: Request, hub: Hub) -> Response:
    """List languages, licences, kinds, methods and bases of public artifacts."""
    facets = hub.registry.find(Query(limit=0, readers=())).facets
    groups = {
        "language": [(tag, _language_name(tag)) for tag in facets["language"]],
        "license": [(f"license:{each.lower()}", each) for each in facets["license"]],
        "other": [(each, each) for each in (*facets["kind"], *facets["method"])],
    }
    if not is_dataset_request(request):
        groups["base_model"] = [(f"base_model:{_full_name(each)}", each) for each in facets["base"]]
    return JSONResponse({type: _tags(type, found) for type, found in groups.items()})


def _tags(type: str, found: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"type": type, "id": id, "label": label} for id, label in islice(found, 1000)]


def _language_name(tag: str) -> str:
    try:
        return language_name(tag)
    except UnknownLanguage:
        return tag


def _full_name(base: str) -> str:
    return base if "/" in base else f"{CURATED_OWNER}/{base}"
