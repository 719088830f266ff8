"""/languages and /languages/{tag}: how well each language is served, and by what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Path, Request
from starlette.responses import Response

from hub.advice.measuring import measurement
from hub.advice.parity_report import map_as_json, parity_overview
from hub.errors import UnknownLanguage
from hub.languages import MULTILINGUAL, parse_language, script_of
from hub.local import LocalHub
from hub.records import Artifact, Query
from hub.scores.parity import Source
from server.auth.access import Hub
from server.auth.caller import caller_of
from server.pages.choose.parity import level_of
from server.pages.examples.visible_examples import visible_examples
from server.pages.rendering import render
from server.site.example_prompts import examples_of
from server.site.locales import current_locale
from server.site.navigation import TRY
from server.site.translation import gettext_noop

MODULES = 20
"""Modules on the page of a language."""
IMAGES = 6
"""Example images on the page of a language."""
SEARCHED = 5
"""Modules, the best ones, whose cards are searched for images."""
MIN_GROUP = 3
"""Minimum number of languages of a script that has a group of its own."""
OTHERS = gettext_noop("Other scripts")
_ENGLISH = "en"


def show_languages(request: Request, hub: Hub) -> Response:
    """Show all languages that artifacts have, by script, coloured by the best parity on any base."""
    readers = caller_of(request, hub).readers()
    counts = hub.registry.find(Query(limit=0, readers=readers)).facets["language"]
    best: dict[str, float] = {}
    for _, parities in parity_overview(hub.registry, readers=readers):
        for entry in parities.entries:
            best[entry.language] = max(best.get(entry.language, 0.0), entry.value)
    tags = sorted({*counts, *best} - {MULTILINGUAL, _ENGLISH})
    sizes = Counter(map(_script_name, tags))
    scripts: dict[str, list[tuple[str, int, float | None]]] = defaultdict(list)
    for tag in tags:
        script = _script_name(tag)
        scripts[script if sizes[script] >= MIN_GROUP else OTHERS].append((tag, counts.get(tag, 0), best.get(tag)))
    groups = sorted(scripts.items(), key=lambda each: (each[0] == OTHERS, -len(each[1]), each[0]))
    context = {
        "groups": groups,
        "level": level_of,
        "total": sum(len(each) for _, each in groups),
        "measured": len(best),
    }
    return render("choose/languages.html", context, request=request)


def show_language(
    request: Request, hub: Hub, tag: Annotated[str, Path(max_length=100, description="Language tag or name.")]
) -> Response:
    """Show what serves a language: parities by base, modules, and what is missing. Raises UnknownLanguage."""
    language = parse_language(tag)
    if language == MULTILINGUAL:
        raise UnknownLanguage(tag)
    readers = caller_of(request, hub).readers()
    overview = parity_overview(hub.registry, (language,), readers=readers)
    maps = [map_as_json(*each) for each in overview]
    page = hub.registry.find(Query(language=language, limit=MODULES, readers=readers, scores="best"))
    unmeasured = [base for base, parities in overview if not parities.entries and measurement(base, language)]
    context: dict[str, Any] = {
        "tag": language, "maps": [each for each in maps if each["rows"]], "page": page, "level": level_of, "sources": list(Source),
        "unmeasured": [each.name for each in unmeasured],
        "prompts": examples_of(language).prompts, "can_try": TRY in dict(request.app.state.navigation).values(),
        **_images(request, hub, language, page.items[:SEARCHED]),
    }  # fmt: skip
    return render("choose/language.html", context, request=request)


def _images(request: Request, hub: LocalHub, language: str, artifacts: Sequence[Artifact]) -> dict[str, Any]:
    """Return the images of prompts in a language by the first of `artifacts` that has some."""
    for each in artifacts:
        images = [one for one in visible_examples(request, hub, each) if one.language and one.language.tag == language]
        if images:
            return {"illustrated": each, "images": images[:IMAGES]}
    return {"illustrated": None, "images": []}


def _script_name(tag: str) -> str:
    """Return the name of the script that a language is written in, in the language of the page."""
    from langcodes import Language

    script = script_of(tag)
    return Language.make(script=script).script_name(current_locale().tag) if script else OTHERS
