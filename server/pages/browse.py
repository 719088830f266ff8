"""GET /: search and browse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from starlette.responses import Response

from hub.errors import InvalidRequest, Unknown
from hub.local import LocalHub
from hub.records import Artifact, Page, Query
from hub.registry.artifacts.scans import scans_in, worst_verdict_text
from hub.registry.search.search import SORTS
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.addresses import page_path, with_parameters
from server.http.search_parameters import read_query
from server.pages import wording
from server.pages.rendering import render

SHOWN_LANGUAGES = 5
"""Languages of one artifact; more are only counted."""
SHOWN_VALUES = 8
"""Values of one facet; more are folded away."""
_FACETS = {"language": "lang", "kind": "kind", "base": "base", "method": "method", "license": "license"}
"""Facets in their order on the page, and the query parameter of each."""
_HEADINGS = {"language": "Language", "kind": "Kind", "base": "Base", "method": "Method", "license": "Licence"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet, and the address that applies the filter or, when chosen, removes it."""

    value: str
    count: int
    address: str
    chosen: bool
    language: wording.LanguageName | None
    """Set for languages only."""


def browse(request: Request, hub: Hub) -> Response:
    """Show the list of artifacts. An invalid search shows the problem below the form and keeps what was typed."""
    readers = caller_of(request, hub).owners()
    everything = hub.registry.find(Query(limit=1, readers=readers))
    try:
        query, problem, status = replace(read_query(request.query_params, readers), scores="best"), None, 200
        page = hub.registry.find(query)
    except InvalidRequest as error:
        query, problem, status, page = Query(), error, error.status, Page((), 0)
    facets = _facets(request, page, query)
    context = {
        "query": query,
        "typed": {name: request.query_params.get(name, "") for name in ("text", "lang", "kind", "base", "sort")},
        "problem": problem,
        "suggestions": _suggestions(request, problem),
        "is_search": bool(request.url.query),
        "page": page,
        "everything": everything,
        "languages": sorted(
            map(wording.language, everything.facets.get("language", {})), key=lambda each: each.english
        ),
        "sorts": SORTS,
        "rows": [_row(hub, artifact, query.language) for artifact in page.items],
        "facets": facets,
        "shown_values": SHOWN_VALUES,
        "chosen": [choice for _, choices in facets for choice in choices if choice.chosen],
        **_neighbours(request, page, query),
    }
    return render("browse.html", context, request=request, status=status)


def _row(hub: LocalHub, artifact: Artifact, wanted: str) -> dict[str, Any]:
    """Return what one line of the list shows. The wanted language comes first."""
    tags = sorted(artifact.languages, key=lambda tag: tag != wanted) if wanted else list(artifact.languages)
    return {
        "artifact": artifact,
        "address": page_path(artifact),
        "languages": [wording.language(tag) for tag in tags[:SHOWN_LANGUAGES]],
        "more_languages": len(tags[SHOWN_LANGUAGES:]),
        # Few artifacts may hold such files, so few are looked up.
        "unsafe": worst_verdict_text(scans_in(hub.registry.database, artifact.revision).values())
        if artifact.allow_unsafe_files
        else None,
        "score": artifact.scores[0] if artifact.scores else None,
    }


def _facets(request: Request, page: Page, query: Query) -> list[tuple[str, list[Choice]]]:
    """Return headings and choices, the most frequent first; a chosen value stays even if its count is unknown."""
    facets = []
    for facet, parameter in _FACETS.items():
        chosen = getattr(query, facet)
        counts = dict(page.facets.get(facet, {}))
        if chosen:
            counts.setdefault(chosen, page.total)
        choices = [
            Choice(
                value,
                count,
                with_parameters(request, offset=None, language=None, **{parameter: None if value == chosen else value}),
                value == chosen,
                wording.language(value) if facet == "language" else None,
            )
            for value, count in sorted(counts.items(), key=lambda item: (item[0] != chosen, -item[1], item[0]))
        ]
        if choices:
            facets.append((_HEADINGS[facet], choices))
    return facets


def _suggestions(request: Request, problem: InvalidRequest | None) -> list[tuple[str, str]]:
    """Return similar names of an unknown language, each with the address that searches for it."""
    if not isinstance(problem, Unknown):
        return []
    return [(name, with_parameters(request, offset=None, language=None, lang=name)) for name in problem.suggestions]


def _neighbours(request: Request, page: Page, query: Query) -> dict[str, Any]:
    """Return the position in the list and the addresses of the previous and the next page."""
    first, last = query.offset + 1, query.offset + len(page.items)
    before = max(0, query.offset - query.limit)
    return {
        "first": first,
        "last": last,
        "previous": with_parameters(request, offset=before or None) if query.offset else "",
        "next": with_parameters(request, offset=last) if page.items and last < page.total else "",
    }
