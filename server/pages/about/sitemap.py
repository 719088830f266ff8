"""GET /sitemap.xml: an index of sitemaps, which list the pages of this server and those of all public artifacts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from xml.sax.saxutils import escape

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from hub.registry.search.public_names import count_parts, read_part
from server.auth.access import Hub
from server.http.urls import Segment, absolute

_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"
_HEADERS = {"Content-Type": "application/xml; charset=utf-8", "Cache-Control": "public, max-age=3600"}
_PAGES = "pages"
"""The sitemap of pages that belong to no artifact; the others have numbers."""


def show_index(request: Request, hub: Hub) -> Response:
    """List the sitemaps."""
    parts = [_PAGES, *map(str, range(1, count_parts(hub.registry.database) + 1))]
    addresses = "".join(
        f"<sitemap><loc>{escape(absolute(request, f'/sitemap-{part}.xml'))}</loc></sitemap>\n" for part in parts
    )
    return _xml("sitemapindex", addresses)


def show_sitemap(request: Request, hub: Hub, part: Segment) -> Response:
    """List the pages of a sitemap. Raises HTTPException for one that does not exist."""
    if part == _PAGES:
        listed = ["/", *(path for _, path in request.app.state.navigation if "?" not in path)]
        languages = [f"/languages/{tag}" for tag in hub.registry.languages()]
        return _xml(
            "urlset",
            _entries(request, ((path, None) for path in [*listed, "/parity", "/recommend", "/api", *languages])),
        )
    database = hub.registry.database
    if not (part.isascii() and part.isdecimal() and len(part) < 10 and 1 <= int(part) <= count_parts(database)):
        raise HTTPException(404, f"there is no sitemap {part[:40]!r}: `/sitemap.xml` lists all.")
    return _xml(
        "urlset", _entries(request, ((f"/{each.name}", each.updated_at) for each in read_part(database, int(part))))
    )


def _entries(request: Request, pages: Iterable[tuple[str, datetime | None]]) -> str:
    origin = escape(absolute(request, ""))
    return "".join(
        f"<url><loc>{origin}{escape(path)}</loc>{f'<lastmod>{at:%Y-%m-%d}</lastmod>' if at else ''}</url>\n"
        for path, at in pages
    )


def _xml(root: str, content: str) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_SCHEMA}">\n{content}</{root}>\n'
    return Response(text, headers=_HEADERS)
