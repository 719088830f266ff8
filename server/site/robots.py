"""GET /robots.txt and /favicon.ico."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from server.http.urls import absolute
from server.site.static_files import FOLDER

_A_DAY = {"Cache-Control": "public, max-age=86400"}
_ROBOTS = """\
User-agent: *
Disallow: /api/
Disallow: /administration
Disallow: /login
Disallow: /reset/
Disallow: /settings
Disallow: /signup
Disallow: /publish
Disallow: /*/edit/
Disallow: /try/
Disallow: /try?
Disallow: /*/report
Disallow: /*/resolve/
Disallow: /*/raw/
Disallow: /*?*offset=
"""
"""Search engines can read the pages, but not files, which are large, nor pages of results, which are endless."""


def robots(request: Request) -> Response:
    """Return the paths that robots can read, and the address of the sitemap."""
    return PlainTextResponse(f"{_ROBOTS}Sitemap: {absolute(request, '/sitemap.xml')}\n", headers=_A_DAY)


def favicon() -> Response:
    """Return the icon, which browsers request from this path for pages that name none, such as JSON."""
    return FileResponse(FOLDER / "icon.svg", media_type="image/svg+xml", headers=_A_DAY)
