"""POST /settings/locale: keep the language that a visitor has chosen for the pages."""

from __future__ import annotations

from http.client import SEE_OTHER
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import RedirectResponse, Response

from hub.errors import InvalidRequest
from server.auth.browser_session import local_path
from server.auth.csrf_forms import form_fields, require_own_page
from server.http.urls import absolute
from server.site.locales import COOKIE, LOCALES, find_locale
from server.site.root_path import cookie_path

_A_YEAR_S = 365 * 24 * 3600


def choose_locale(request: Request, fields: Annotated[dict[str, str], Depends(form_fields)]) -> Response:
    """Set the cookie and return to the page that was shown. Raises Forbidden for forms of other sites, and InvalidRequest."""
    require_own_page(request)
    tag = fields.get("locale", "")
    if (locale := find_locale(tag)) is None:
        known = ", ".join(f"`{each.tag}`" for each in LOCALES)
        raise InvalidRequest(f"`{tag[:80]}` is not a language of the pages: choose one of {known}.")
    response = RedirectResponse(_shown_page(request, fields.get("next", "")), SEE_OTHER, {"Cache-Control": "no-store"})
    is_secure = request.url.scheme == "https"
    response.set_cookie(
        COOKIE, locale.tag, _A_YEAR_S, path=cookie_path(), httponly=True, samesite="lax", secure=is_secure
    )
    return response


def _shown_page(request: Request, path: str) -> str:
    """Return the address of the page with the form: the browser knows its parameters, which the page need not repeat."""
    address, mark, query = request.headers.get("referer", "").partition("?")
    return local_path(path + mark + query if address == absolute(request, path) else path)
