"""From a template and its values to an answer."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse

from hub.registry import CURATED_OWNER
from server.addresses import file_path, page_path
from server.pages import wording


def render(
    template: str, context: dict[str, Any], *, status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """The page; beside `context`, templates may use the filters of `wording` and the two addresses below."""
    page = _environment().get_template(template).render(context)
    return HTMLResponse(page, status, {"Cache-Control": "no-cache", "Vary": "Accept", **(headers or {})})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("server"),
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
    }
    environment.globals |= {
        "page_path": page_path,
        "file_path": file_path,
        "bar": wording.bar,
        "curated_owner": CURATED_OWNER,
    }
    return environment
