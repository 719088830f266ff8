"""GET /: the page to search and browse artifacts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from hub.errors import InvalidRequest, Unknown
from hub.local import LocalHub
from hub.names import split_values
from hub.records import Meaning, Page, Provenance, Query
from hub.registry.names.no_results import training_command
from hub.registry.scores.by_metric import scales
from hub.registry.search.find_by_metric import BY_METRIC
from hub.registry.search.search import SORTS
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.response_bodies import PARAMETER_OF
from server.http.search_parameters import read_query
from server.http.urls import with_parameters
from server.pages import formatting
from server.pages.browse.facets import Choice, Facet, facets_of
from server.pages.browse.rows import rows_of
from server.pages.rendering import render
from server.site.translation import gettext, gettext_noop, look_up

SHOWN_VALUES = 8
"""Values shown per facet; the others are collapsed."""
SCORE = "score"
"""The parameter of the page for benchmark, metric, provenance and split together, as the filter by score sends them."""
_SCALE = ("benchmark", "metric", "provenance", "split")
_ORDERS = {
    "score": gettext_noop("Best match"),
    "downloads": gettext_noop("Most downloads"),
    "trend": gettext_noop("Trending"),
    "updated": gettext_noop("Newest"),
    "name": gettext_noop("Name"),
}
_WITHOUT = {
    "text": gettext_noop("Without the text"),
    "language": gettext_noop("Without the language"),
    "kind": gettext_noop("Without the kind"),
    "base": gettext_noop("Without the base"),
    "method": gettext_noop("Without the method"),
    "license": gettext_noop("Without the licence"),
    "owner": gettext_noop("Without the owner"),
    "metric": gettext_noop("Without the score"),
    "has_images": gettext_noop("Without images"),
    "provenance": gettext_noop("With self-reported scores"),
}
"""Field of a query → what removing or changing it is called."""
_EXAMPLES = ("yoruba", "日本語", "french sdxl", "sd 1.5", "m-clip")
_FORM = (
    "lang",
    "kind",
    "base",
    "method",
    "license",
    "owner",
    "has",
    SCORE,
    "metric",
    "benchmark",
    "split",
    "provenance",
    "min",
    "max",
    "sort",
)
"""Parameters that a search for another text keeps."""


def browse(request: Request, hub: Hub) -> Response:
    """Show a list of artifacts. For an invalid search, show the problem above the results and keep the input."""
    readers = caller_of(request, hub).readers()
    try:
        query, problem, status = _read(request, hub, readers), None, 200
        page = hub.registry.find(query)
    except InvalidRequest as error:
        query, problem, status, page = Query(readers=readers), error, error.status, Page((), 0)
    facets = [] if problem else facets_of(request, hub, page, query)
    context = {
        "query": query,
        "typed": request.query_params.get("text") or request.query_params.get("q", ""),
        "kept": [(key, value) for key, value in request.query_params.multi_items() if key in _FORM and value],
        "problem": problem,
        "suggestions": _suggestions(request, problem),
        "is_search": bool(request.url.query),
        "examples": _EXAMPLES,
        "page": page,
        "languages": sorted(
            (
                formatting.language(tag)
                for tag in hub.registry.find(Query(limit=0, readers=readers)).facets.get("language", {})
            ),
            key=lambda each: each.name,
        ),
        "orders": _orders(request, query),
        "rows": rows_of(hub, page, query),
        "facets": facets,
        "shown_values": SHOWN_VALUES,
        "chosen": _chosen(request, facets, query),
        "images": _images(request, hub, page, query),
        "scales": scales(hub.registry.database, readers),
        "scale": (query.benchmark, query.metric, query.provenance, query.split),
        "meaning": _in_words(page.meaning),
        "literal": with_parameters(request, q=None, offset=None, text=f'"{query.text}"'),
        **_what_to_change(request, query, page),
        **_neighbours(request, page, query),
    }
    return render("browse.html", context, request=request, status=status)


def _read(request: Request, hub: LocalHub, readers: tuple[str, ...] | None) -> Query:
    """Return the query of a request. Raises UnknownLanguage, InvalidRequest."""
    given = request.query_params.multi_items()
    parameters = [(key, value) for key, value in given if key != SCORE]
    if score := request.query_params.get(SCORE, ""):
        names = score.split(":")
        if len(names) != len(_SCALE):
            raise InvalidRequest(f"`{SCORE}` is `{':'.join(_SCALE)}`, not `{score[:80]}`.")
        parameters += list(zip(_SCALE, names, strict=True))
    else:  # The form sends its limits even if no metric is chosen.
        is_metric = any(key == "metric" and value for key, value in given)
        parameters = [each for each in parameters if is_metric or each[0] not in {"min", "max"}]
        parameters = [each for each in parameters if is_metric or each != ("sort", BY_METRIC)]
    query = replace(read_query(QueryParams(parameters), readers), scores="best")
    bases = map(hub.registry.short_base_name, split_values(query.base))
    return replace(query, base=",".join(bases))  # As the filters write it.


def _orders(request: Request, query: Query) -> list[tuple[str, str, bool]]:
    """Return the sort orders: label, URL, and whether it is the current one."""
    labels = {sort: gettext(_ORDERS[sort]) for sort in SORTS} | (
        {BY_METRIC: formatting.metric(query.metric)} if query.metric else {}
    )
    return [
        (label, with_parameters(request, offset=None, sort=None if sort == "score" else sort), sort == query.sort)
        for sort, label in labels.items()
    ]


def _chosen(request: Request, facets: list[Facet], query: Query) -> list[tuple[str, str, str]]:
    """Return the filters of the query: value, text, and the URL without it."""
    found = [(each.value, _text_of(facet, each), each.url) for facet in facets for each in facet.choices if each.chosen]
    if query.owner:
        found.append(
            (query.owner, gettext("by %(owner)s", owner=query.owner), with_parameters(request, offset=None, owner=None))
        )
    if query.has_images:
        found.append(("images", gettext("has images"), with_parameters(request, offset=None, has=None)))
    if query.metric:
        limits = "".join(
            f" {sign} {formatting.number(value)}"
            for sign, value in (("≥", query.min_value), ("≤", query.max_value))
            if value is not None
        )
        without = dict.fromkeys((SCORE, "metric", "benchmark", "split", "provenance", "min", "max", "offset"))
        sort = {"sort": None} if query.sort == BY_METRIC else {}
        label = ", ".join(
            filter(None, (f"{formatting.metric(query.metric)}{limits}", query.split, look_up(query.provenance)))
        )
        found.append((query.metric, label, with_parameters(request, **without, **sort)))
    return found


def _text_of(facet: Facet, choice: Choice) -> str:
    if choice.language:
        return choice.language.name
    return look_up(choice.value) if facet.parameter == "kind" else formatting.short_name(choice.value)


def _images(request: Request, hub: LocalHub, page: Page, query: Query) -> tuple[int, str] | None:
    """Return the number of results with images and the URL that adds or removes this filter; None if no result has any."""
    count = page.total if query.has_images else hub.registry.find(replace(query, has_images=True, limit=0)).total
    url = with_parameters(request, offset=None, has=None if query.has_images else "images")
    return (count, url) if count else None


def _in_words(meaning: Meaning | None) -> list[tuple[str, str]]:
    """Return what a text was understood as: names of fields, and values."""
    if meaning is None:
        return []
    values = {
        "language": formatting.language(meaning.language).name if meaning.language else "",
        "base": meaning.base,
        "method": meaning.method,
        "kind": meaning.kind,
        "words": " ".join(meaning.words),
    }
    return [(name, value) for name, value in values.items() if value]


def _what_to_change(request: Request, query: Query, page: Page) -> dict[str, Any]:
    """Return what to do about an empty result."""
    without = []
    for field, count in sorted(page.without.items(), key=lambda item: -item[1]):
        parameters = [PARAMETER_OF.get(field, field)]
        parameters += ["q"] if field == "text" else ["language"] if field == "language" else []
        parameters += [SCORE, "benchmark", "split", "provenance", "min", "max", "sort"] if field == "metric" else []
        changes = dict.fromkeys([*parameters, "offset"])
        if field == "provenance":
            names = dict.fromkeys([SCORE, "sort"]) | {name: getattr(query, name) or None for name in _SCALE}
            changes |= names | {"provenance": str(Provenance.SELF_REPORTED)}
        without.append((_WITHOUT[field], count, with_parameters(request, **changes)))
    corrected = with_parameters(request, q=None, offset=None, text=page.correction) if page.correction else ""
    return {"without": without, "corrected": corrected, "training": training_command(query, page)}


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
