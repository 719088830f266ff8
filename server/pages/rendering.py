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
from server.auth.browser_session import own_path
from server.http.addresses import file_path, page_path
from server.pages import wording

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

    With the request, the page shows who is logged in, or a link to the login and back.
    """
    caller: Caller | None = getattr(request.state, "caller", None) if request else None
    visitor = caller.account.name if caller and caller.account else ""
    here = own_path(request.url.path) if request and request.method in {"GET", "HEAD"} else ""
    page = _environment().get_template(template).render({"visitor": visitor, "here": here, **context})
    kept = "private, no-cache" if visitor else "no-cache"
    return HTMLResponse(page, status, {"Cache-Control": kept, "Vary": "Accept, Cookie", **(headers or {})})


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
        "language": wording.language,
        "sentence": wording.sentence,
        "size": wording.size,
        "weight": wording.weight,
        "day": wording.day,
        "conditioning": wording.conditioning,
        "metric": wording.metric,
        "number": wording.number,
        "short_name": wording.short_name,
        "provenance": wording.provenance,
        "worst_scan": worst_verdict_text,
    }
    environment.globals |= {
        "page_path": page_path,
        "file_path": file_path,
        "bar": wording.bar,
        "curated_owner": CURATED_OWNER,
    }
    return environment
