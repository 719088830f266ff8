"""Render templates as responses."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

from hub.registry import CURATED_OWNER
from hub.registry.accounts.permissions import Caller
from hub.registry.artifacts.scans import worst_verdict_text
from hub.registry.names.stand_ins import say_stand_in
from server.auth.browser_session import local_path
from server.http.urls import absolute, file_path, page_path, view_path
from server.pages import formatting
from server.site import translation
from server.site.locales import LOCALES, current_locale, locale_of, speaking
from server.site.navigation import section_of
from server.site.root_path import add_root_path
from server.site.static_files import static_path

_SERVER = Path(__file__).resolve().parents[1]


def render(
    template: str,
    context: dict[str, Any],
    *,
    request: Request,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """Render a template with `context`, to which this adds what `base.html` needs: see docs/internals/pages.md."""
    caller: Caller | None = getattr(request.state, "caller", None)
    visitor = caller.account.name if caller and caller.account else ""
    with speaking(locale_of(request.scope)):  # Errors are also rendered outside of the middleware.
        page = _environment().get_template(template).render({**_of_every_page(request, visitor), **context})
    headers = {
        "Cache-Control": "private, no-cache" if visitor else "no-cache",
        "Content-Language": locale_of(request.scope).tag,
        "Referrer-Policy": "same-origin",  # So that browsers send the page of a form to this server, but to no other.
        "Vary": "Accept, Accept-Language, Cookie",
        **(headers or {}),
    }
    return HTMLResponse(add_root_path(page), status, headers)


def _of_every_page(request: Request, visitor: str) -> dict[str, Any]:
    """Return what `base.html` needs."""
    return {
        "visitor": visitor,
        "here": local_path(request.url.path) if request.method in {"GET", "HEAD"} else "",
        "locale": current_locale(),
        "is_machine_made": translation.is_machine_made(),
        "navigation": request.app.state.navigation,
        "section": section_of(request.url.path, ",".join(request.query_params.getlist("kind"))),
        "has_documentation": request.app.state.has_documentation,
        "origin_url": absolute(request, ""),
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader([_SERVER / "templates", *_SERVER.glob("parts/*/templates")]),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies |= {"ext.i18n.trimmed": True}
    environment.newstyle_gettext = True  # type: ignore[attr-defined]  # An attribute that the extension adds.
    environment.filters |= {
        "language": formatting.language,
        "english": formatting.english,
        "sentence": formatting.sentence,
        "size": formatting.size,
        "weight": formatting.weight,
        "day": formatting.day,
        "moment": formatting.moment,
        "conditioning": formatting.conditioning,
        "duration": formatting.duration,
        "metric": formatting.metric,
        "number": formatting.number,
        "grouped": formatting.grouped,
        "percent": formatting.percent,
        "dollars": formatting.dollars,
        "short_name": formatting.short_name,
        "stand_in": say_stand_in,
        "provenance": formatting.provenance,
        "worst_scan": worst_verdict_text,
        "translated": translation.look_up,
    }
    environment.globals |= {
        "static": static_path,
        "section_of": section_of,
        "page_path": page_path,
        "file_path": file_path,
        "view_path": view_path,
        "bar": formatting.bar,
        "curated_owner": CURATED_OWNER,
        "locales": LOCALES,
        "_": translation.gettext_html,
        "gettext": translation.gettext_html,
        "ngettext": translation.ngettext_html,
        "pgettext": translation.pgettext_html,
    }
    return environment
