"""Lines that load a base, with and without a module."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request

from hub.catalogue.base_facts import BasePage
from hub.records import Provenance
from hub.registry import CURATED_OWNER
from server.http.urls import absolute
from server.site.translation import gettext


@dataclass(frozen=True, slots=True)
class Line:
    """Code with a heading."""

    heading: str
    code: str


def base_snippets(request: Request, page: BasePage) -> tuple[Line, ...]:
    """Return how to load a base in Python and on the command line, with its best module if it has one."""
    name, module = page.base.short, _best_module(page)
    adapter = f', adapter="{module}"' if module else ""
    option = f" --adapter {module}" if module else ""
    alone = f'from hub import load_pipeline\n\npipe = load_pipeline("{name}")\nimage = pipe("a red heart").images[0]'
    lines = [Line("Python", alone)]
    if module:
        heading = gettext("Python, with a module")
        lines.append(Line(heading, f'from hub import load_pipeline\n\npipe = load_pipeline("{name}"{adapter})'))
    lines.append(Line(gettext("Terminal"), f'hub generate "a red heart" --base {name}{option} -o heart.png'))
    lines.append(Line(gettext("Modules for it"), f"hub search --base {name}"))
    lines.append(Line("JSON", f"curl {absolute(request, f'/api/v1/bases/{quote(name, safe=str())}')}"))
    return tuple(lines)


def _best_module(page: BasePage) -> str:
    """Return the first module with a score that was measured, else the first one; empty without modules."""
    measured = {Provenance.REPRODUCED, Provenance.SELF_REPORTED}
    scored = [each for each in page.modules if each.score is not None and each.score.provenance in measured]
    first = next(iter((*scored, *page.modules)), None)
    return first.artifact.removeprefix(f"{CURATED_OWNER}/") if first else ""
