"""GET /compare: two to four artifacts side by side, and a form that chooses them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.responses import Response

from hub.advice.comparison import FEWEST, MOST, Comparison
from hub.errors import InvalidRequest, Unknown
from hub.languages import MULTILINGUAL
from hub.local import LocalHub
from hub.records import DATASET, Artifact, Query
from server.auth.access import Hub, get_by_any_name
from server.auth.caller import caller_of
from server.auth.comparison import compare_named
from server.http.urls import absolute, with_parameters
from server.pages import formatting
from server.pages.artifact.frame import shown_revision
from server.pages.artifact.overview.snippets import Usage, snippets
from server.pages.compare.protocols import chart_of, overview_of, protocol_value
from server.pages.compare.same_prompts import same_prompts
from server.pages.rendering import render

PARAMETER = "artifact"
MAX_SUGGESTED = 6
"""Artifacts to compare with that are suggested beside one."""
SHOWN_LANGUAGES = 8
"""Languages of an artifact that are shown at once; the others are one click away."""
MAX_PROTOCOLS = 50
"""Protocols that the page lists; the JSON has all."""
_LONGEST = 200


def show_comparison(request: Request, hub: Hub) -> Response:
    """Show the comparison, or report missing or invalid values beside the form, which keeps them."""
    typed = [each.strip()[:_LONGEST] for each in request.query_params.getlist(PARAMETER) if each.strip()]
    context: dict[str, Any] = {
        "typed": typed,
        "fields": [*typed, *[""] * max(0, MOST - len(typed))],
        "most": MOST,
        "problem": None,
        "suggestions": [],
        "others": [],
        "comparison": None,
    }
    status = 200
    try:
        if len(typed) >= FEWEST:
            context |= _shown(request, hub, compare_named(request, hub, typed))
        elif typed:
            context["others"] = _others(request, hub, typed[0])
    except (InvalidRequest, Unknown) as error:
        context |= {"problem": error, "suggestions": _suggestions(request, typed, error)}
        status = error.status
    return render("compare/compare.html", context, request=request, status=status)


def _shown(request: Request, hub: LocalHub, comparison: Comparison) -> dict[str, Any]:
    """Return what the template needs of a comparison."""
    protocols = list(dict.fromkeys(row.protocol for row in comparison.rows))
    wanted = request.query_params.get("protocol", "")
    protocol = next((each for each in protocols if protocol_value(each) == wanted), protocols[0] if protocols else None)
    rows = [row for row in comparison.rows if row.protocol == protocol]
    common = set(comparison.common_languages)
    prompts = same_prompts(request, hub, comparison.artifacts)
    return {
        "comparison": comparison,
        "names": [formatting.short_name(each.name) for each in comparison.artifacts],
        "prompts": prompts,
        "with_images": sorted({number for each in prompts for number in each.images}),
        "common": [*map(formatting.language, comparison.common_languages)],
        "own_languages": [
            [formatting.language(tag) for tag in each.languages if tag not in common] for each in comparison.artifacts
        ],
        "shown_languages": SHOWN_LANGUAGES,
        "overview": overview_of(comparison, protocols[:MAX_PROTOCOLS]),
        "more_protocols": max(0, len(protocols) - MAX_PROTOCOLS),
        "protocol": protocol,
        "protocol_value": protocol_value(protocol) if protocol else "",
        "protocol_address": lambda value: with_parameters(request, protocol=value) + "#scores",
        "rows": rows,
        "chart": chart_of(comparison, rows) if protocol else None,
        "usages": [_usage(request, hub, each, comparison.common_languages) for each in comparison.artifacts],
        "api": f"/api/v1/compare?{'&'.join(f'{PARAMETER}={each.name}' for each in comparison.artifacts)}",
    }


def _usage(request: Request, hub: LocalHub, artifact: Artifact, common: tuple[str, ...]) -> tuple[str, str]:
    """Return the short name of an artifact and the lines that use it, with a prompt in a language of all artifacts."""
    tags = [tag for tag in (*common, *artifact.languages) if tag != MULTILINGUAL]
    usage = Usage(
        artifact=artifact,
        shown=shown_revision(hub, artifact, "main"),
        endpoint=absolute(request, ""),
        language=tags[0] if tags else "yo",
    )
    return usage.name, snippets(usage)[0].code


def _others(request: Request, hub: LocalHub, name: str) -> list[tuple[str, str]]:
    """Return artifacts to compare `name` with, of the same kind, base and language: short name, and the path that compares.

    Raises UnknownArtifact.
    """
    artifact = get_by_any_name(hub, name, request)
    readers = caller_of(request, hub).readers()
    language = next((tag for tag in artifact.languages if tag != MULTILINGUAL), "")
    query = Query(readers=readers, limit=MAX_SUGGESTED + 1, scores="best")
    if artifact.kind in {"base", DATASET, "encoder"} or not artifact.bases:
        page = hub.registry.find(replace(query, kind=artifact.kind))
    else:
        page = hub.registry.find(replace(query, base=artifact.bases[0], language=language))
    found = [each.name for each in page.items if each.name != artifact.name][:MAX_SUGGESTED]
    return [
        (formatting.short_name(each), with_parameters(request, **{PARAMETER: [str(artifact.name), str(each)]}))
        for each in found
    ]


def _suggestions(request: Request, typed: list[str], error: Exception) -> list[tuple[str, str]]:
    """Return names similar to an unknown one that are not typed already, each with the path that compares it instead."""
    if not isinstance(error, Unknown):
        return []
    known = {formatting.short_name(each).lower() for each in typed}
    return [
        (name, with_parameters(request, **{PARAMETER: [name if each == error.name else each for each in typed]}))
        for name in error.suggestions
        if formatting.short_name(name).lower() not in known
    ]
