"""/bases and /bases/{base}: the frozen bases that modules are made for."""

from __future__ import annotations

from collections import Counter
from typing import Annotated
from urllib.parse import quote

from fastapi import Path, Request
from starlette.responses import RedirectResponse, Response

from hub.advice.tables import PRICE_PER_HOUR
from hub.catalogue.base_facts import BaseFacts, BasePage, base_page, base_path, list_bases
from hub.errors import InvalidRequest, UnknownBase
from hub.languages import MULTILINGUAL
from hub.scores.parity import Source
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.http.urls import Segment, with_parameters
from server.pages.catalogue.loading_lines import base_snippets
from server.pages.catalogue.unknown import Listing, not_found
from server.pages.choose.parity import level_of
from server.pages.rendering import render
from server.site.translation import gettext_noop

_ENGLISH = "en"
LISTING = Listing(gettext_noop("All bases"), "/bases")
OTHERS = "other"
"""Value of the filter for bases of no family that `hub train` trains for."""


def show_bases(request: Request, hub: Hub) -> Response:
    """Show all bases, those with the most modules first, or those of one family."""
    bases, total = list_bases(hub.registry, hub.store, caller_of(request, hub).readers())
    counts = Counter(each.family or OTHERS for each in bases)
    family = request.query_params.get("family", "")
    shown = [each for each in bases if family in {"", each.family or OTHERS}]
    shown.sort(key=lambda each: (-each.artifacts, each.name))
    families = [
        (name, count, with_parameters(request, family=name))
        for name, count in sorted(counts.items(), key=lambda each: (each[0] == OTHERS, -each[1], each[0]))
    ]
    context = {
        "bases": [(each, f"/bases/{quote(each.short)}", _image(each)) for each in shown], "total": total, "families": families,
        "family": family if family in counts else "",
    }  # fmt: skip
    return render("catalogue/bases.html", context, request=request)


def show_base(
    request: Request, hub: Hub, base: Annotated[Segment, Path(max_length=400, description="Base, by any of its names.")]
) -> Response:
    """Show a base at its one address, to which all its other names redirect."""
    readers = caller_of(request, hub).readers()
    try:
        page = base_page(hub.registry, hub.store, base, readers)
    except UnknownBase as error:
        return not_found(request, error, LISTING)
    except InvalidRequest as error:
        return not_found(request, UnknownBase(base, more=f" {error}"), LISTING)
    path = quote(base_path(hub.registry, page.base, readers))
    if request.url.path != path:
        return RedirectResponse(path, 307)
    rows = {row["language"]: row for row in page.parity["rows"]}
    languages = sorted(
        {*page.languages, *rows} - {MULTILINGUAL, _ENGLISH},
        key=lambda tag: (tag not in rows, -page.languages.get(tag, 0), tag),
    )
    context = {
        "page": page, "base": page.base, "languages": [(tag, page.languages.get(tag, 0), _best(rows.get(tag))) for tag in languages],
        "level": level_of, "image": _image(page.base), "snippets": base_snippets(request, page), "price": PRICE_PER_HOUR,
        "sources": _sources(page), "multilingual": page.languages.get(MULTILINGUAL, 0),
    }  # fmt: skip
    return render("catalogue/base.html", context, request=request)


def _image(base: BaseFacts) -> str:
    return f"/{base.artifact}/resolve/{base.revision[:40]}/{quote(base.image)}" if base.image else ""


def _sources(page: BasePage) -> list[str]:
    """Return the commands that costs are known from, once for all methods."""
    return list(dict.fromkeys(each.source.replace(f" {each.what} ", " METHOD ") for each in page.costs))


def _best(row: dict[str, object] | None) -> dict[str, object] | None:
    """Return the best cell of a row of the parity map; None without one."""
    cells = [cell for source in map(str, Source) if row and isinstance(cell := row.get(source), dict)]
    return max(cells, key=lambda cell: cell["value"], default=None)
