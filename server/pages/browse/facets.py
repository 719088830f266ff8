"""The filters beside the results: the values of each facet, with counts and links that add or remove them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi import Request

from hub.local import LocalHub
from hub.names import split_values
from hub.records import Page, Query
from server.http.urls import with_parameters
from server.pages import formatting
from server.site.translation import gettext_noop

FACETS = {
    "kind": ("kind", gettext_noop("Kind")),
    "language": ("lang", gettext_noop("Language")),
    "base": ("base", gettext_noop("Fits base")),
    "method": ("method", gettext_noop("Method")),
    "license": ("license", gettext_noop("Licence")),
}
"""Facet → query parameter and heading, in their order on the page."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a facet, and the URL that adds it to the filter or, if it is chosen, removes it."""

    value: str
    count: int | None
    """Number of results with it; None if it is chosen and has no results."""
    url: str
    chosen: bool
    language: formatting.LanguageName | None
    """Set for languages only."""


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet with its values, the chosen ones first and then the most frequent."""

    heading: str
    parameter: str
    choices: tuple[Choice, ...]


def facets_of(request: Request, hub: LocalHub, page: Page, query: Query) -> list[Facet]:
    """Return the facets of a search.

    If a facet has a chosen value, its counts are those without it: they show the results of adding another value.
    """
    found = []
    for facet, (parameter, heading) in FACETS.items():
        chosen = split_values(getattr(query, facet))
        counts = dict(page.facets.get(facet, {}))
        if chosen:
            counts = dict(hub.registry.find(replace(query, **{facet: "", "limit": 0})).facets.get(facet, {}))  # type: ignore[arg-type]
        values = sorted({*counts, *chosen}, key=lambda value: (value not in chosen, -counts.get(value, 0), value))
        choices = tuple(
            Choice(
                value,
                counts.get(value),
                with_parameters(request, offset=None, language=None, **{parameter: _toggled(chosen, value)}),
                value in chosen,
                formatting.language(value) if facet == "language" else None,
            )
            for value in values
        )
        if choices:
            found.append(Facet(heading, parameter, choices))
    return found


def _toggled(chosen: tuple[str, ...], value: str) -> tuple[str, ...]:
    return tuple(each for each in chosen if each != value) if value in chosen else (*chosen, value)
