"""The page for an unknown name: the nearest names, and the list of all."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response

from hub.errors import Unknown
from server.pages.rendering import render


@dataclass(frozen=True, slots=True)
class Listing:
    """The list that a name was looked for in."""

    label: str
    path: str


def not_found(request: Request, error: Unknown, listing: Listing) -> Response:
    """Return 404 with links to similar names and to the list."""
    near = [(each, f"{listing.path}/{quote(each)}") for each in error.suggestions]
    context = {"error": error, "near": near, "listing": listing}
    return render("catalogue/unknown.html", context, request=request, status=404, headers={"Cache-Control": "no-store"})
