"""GET /: the page to search and browse artifacts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fastapi import Request
from starlette.responses import Response

from hub.errors import InvalidRequest, Unknown
from hub.local import LocalHub
from hub.records import Artifact, Page, Query
from hub.registry.artifacts.scans import scans_in, worst_verdict_text
from hub.registry.names.stand_ins import say_zero_shot
from hub.registry.search.search import SORTS
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.search_parameters import read_query
from server.http.urls import page_path, with_parameters
from server.pages import formatting
from server.pages.rendering import render

SHOWN_LANGUAGES = 5
"""Languages shown per artifact; the others are only counted."""
SHOWN_VALUES = 8
"""Values shown per facet; the others are collapsed."""
_FACETS = {"language": "lang", "kind": "kind", "base": "base", "method": "method", "license": "license"}
"""Query parameters by facet, in their order on the page."""
_HEADINGS = {"language": "Language", "kind": "Kind", "base": "Base", "method": "Method", "license": "Licence"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet, and the URL that applies the filter or, if it is chosen, removes it."""

    value: str
    count: int
    url: str
    chosen: bool
    language: formatting.LanguageName | None
    """Set for languages only."""


def browse(request: Request, hub: Hub) -> Response:
    """Show a list of artifacts. For an invalid search, show the problem below the form and keep the input."""
    readers = caller_of(request, hub).readers()
    everything = hub.registry.find(Query(limit=1, readers=readers))
    try:
        query, problem, status = replace(read_query(request.query_params, readers), scores="best"), None, 200
        query = replace(query, base=hub.registry.short_base_name(query.base))  # As the filters write it.
        page = hub.registry.find(query)
    except InvalidRequest as error:
        query, problem, status, page = Query(), error, error.status, Page((), 0)
    facets = _facets(request, page, query)
    context = {
        "query": query,
        "typed": {name: request.query_params.get(name, "") for name in ("text", "lang", "kind", "sort")}
        | {"base": query.base},
        "problem": problem,
        "suggestions": _suggestions(request, problem),
        "is_search": bool(request.url.query),
        "page": page,
        "everything": everything,
        "languages": sorted(
            map(formatting.language, everything.facets.get("language", {})), key=lambda each: each.english
        ),
        "sorts": SORTS,
        "rows": [_row(hub, artifact, query.language) for artifact in page.items],
        "facets": facets,
        "shown_values": SHOWN_VALUES,
        "chosen": [choice for _, choices in facets for choice in choices if choice.chosen],
        **_neighbours(request, page, query),
    }
    return render("browse.html", context, request=request, status=status)


def _row(hub: LocalHub, artifact: Artifact, requested_language: str) -> dict[str, Any]:
    """Return the content of one row of the list. The requested language comes first."""
    tags = (
        sorted(artifact.languages, key=lambda tag: tag != requested_language)
        if requested_language
        else list(artifact.languages)
    )
    return {
        "artifact": artifact,
        "url": page_path(artifact),
        "languages": [formatting.language(tag) for tag in tags[:SHOWN_LANGUAGES]],
        "more_languages": len(tags[SHOWN_LANGUAGES:]),
        # Few artifacts are allowed to contain such files, so few lookups are needed.
        "unsafe": worst_verdict_text(scans_in(hub.registry.database, artifact.revision).values())
        if artifact.allow_unsafe_files
        else None,
        "score": artifact.scores[0] if artifact.scores else None,
        "zero_shot": _zero_shot(artifact, requested_language),
    }


def _zero_shot(artifact: Artifact, language: str) -> str:
    """Return what is known of a module that was not trained on the requested language; empty if it was."""
    has_score = any(each.language == language for each in artifact.scores)
    return say_zero_shot(artifact.trained_languages, language, has_score=has_score) if language else ""


def _facets(request: Request, page: Page, query: Query) -> list[tuple[str, list[Choice]]]:
    """Return headings with choices, the most frequent first. A chosen value is included even if its count is unknown."""
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
                formatting.language(value) if facet == "language" else None,
            )
            for value, count in sorted(counts.items(), key=lambda item: (item[0] != chosen, -item[1], item[0]))
        ]
        if choices:
            facets.append((_HEADINGS[facet], choices))
    return facets


def _suggestions(request: Request, problem: InvalidRequest | None) -> list[tuple[str, str]]:
    """Return names similar to an unknown one, each with the URL that searches for it."""
    if not isinstance(problem, Unknown):
        return []
    return [(name, with_parameters(request, offset=None, language=None, lang=name)) for name in problem.suggestions]


def _neighbours(request: Request, page: Page, query: Query) -> dict[str, Any]:
    """Return the position in the list and the URLs of the previous and the next page."""
    first, last = query.offset + 1, query.offset + len(page.items)
    before = max(0, query.offset - query.limit)
    return {
        "first": first,
        "last": last,
        "previous": with_parameters(request, offset=before or None) if query.offset else "",
        "next": with_parameters(request, offset=last) if page.items and last < page.total else "",
    }
