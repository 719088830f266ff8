"""/parity: the share of its English score that each base reaches in each language."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import Response

from hub.advice.parity_report import as_json, map_as_json, parity_overview, parity_report
from hub.errors import InvalidRequest
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.pages.rendering import render

LEVELS = 5
"""Shades of the map: `--level-0` is zero, `--level-5` is English."""
_LONGEST = 200


def show_parity(request: Request, hub: Hub) -> Response:
    """Show the map of all bases, or one base with what is missing and how to measure it."""
    readers = caller_of(request, hub).readers()
    base, split = (request.query_params.get(name, "").strip()[:_LONGEST] for name in ("base", "split"))
    if base:
        try:
            found = as_json(parity_report(hub.registry, base, split=split, readers=readers))
        except InvalidRequest as error:
            context: dict[str, Any] = {"typed": base, "problem": str(error), "found": None, "maps": []}
            return render("choose/parity.html", context, request=request, status=error.status)
        context = {"typed": base, "problem": "", "found": found, "maps": [], "level": level_of}
    else:
        maps = [map_as_json(*each) for each in parity_overview(hub.registry, split=split, readers=readers)]
        context = {"typed": "", "problem": "", "found": None, "maps": maps, "level": level_of}
    return render("choose/parity.html", context, request=request)


def level_of(value: float | None) -> int | None:
    """Return the shade of a parity, 0 to LEVELS; None for a cell without a measurement."""
    return None if value is None else max(0, min(LEVELS, round(value * LEVELS)))
