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
from server.http.urls import file_path, page_path, view_path
from server.pages import formatting

_SERVER = Path(__file__).resolve().parents[1]


def render(
    template: str,
    context: dict[str, Any],
    *,
    request: Request | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> HTMLResponse:
    """Render a template with `context`.

    With the request, the page shows who is logged in, or a link to log in and return, and a link to the documentation.
    """
    caller: Caller | None = getattr(request.state, "caller", None) if request else None
    visitor = caller.account.name if caller and caller.account else ""
    here = local_path(request.url.path) if request and request.method in {"GET", "HEAD"} else ""
    documentation = request is not None and request.app.state.has_documentation
    common = {"visitor": visitor, "here": here, "documentation": documentation}
    page = _environment().get_template(template).render({**common, **context})
    cache = "private, no-cache" if visitor else "no-cache"
    return HTMLResponse(page, status, {"Cache-Control": cache, "Vary": "Accept, Cookie", **(headers or {})})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader([_SERVER / "templates", *_SERVER.glob("parts/*/templates")]),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "language": formatting.language,
        "sentence": formatting.sentence,
        "size": formatting.size,
        "weight": formatting.weight,
        "day": formatting.day,
        "conditioning": formatting.conditioning,
        "metric": formatting.metric,
        "number": formatting.number,
        "short_name": formatting.short_name,
        "stand_in": say_stand_in,
        "provenance": formatting.provenance,
        "worst_scan": worst_verdict_text,
    }
    environment.globals |= {
        "page_path": page_path,
        "file_path": file_path,
        "view_path": view_path,
        "bar": formatting.bar,
        "curated_owner": CURATED_OWNER,
    }
    return environment
