"""/languages and /languages/{tag}: how well each language is served, and by what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Path, Request
from starlette.responses import Response

from hub.advice.measuring import measurement
from hub.advice.parity_report import map_as_json, parity_overview
from hub.advice.tables import PRICE_PER_HOUR
from hub.catalogue.language_facts import LanguageFacts, list_languages
from hub.catalogue.language_gaps import language_gaps
from hub.catalogue.regions import region_name
from hub.errors import InvalidRequest, UnknownLanguage
from hub.languages import MULTILINGUAL, parse_language
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
"""Minimum number of languages of a script with a separate group."""
OTHERS = gettext_noop("Other scripts")
NO_REGION = gettext_noop("Without a region")
_GROUPINGS = ("region", "script")
"""Values of the parameter `by`, the default first."""
_ENGLISH = "en"


def show_languages(request: Request, hub: Hub) -> Response:
    """Show all languages, by region or script, coloured by the best parity on any base. Raises InvalidRequest for other groups."""
    by = request.query_params.get("by") or _GROUPINGS[0]
    if by not in _GROUPINGS:
        raise InvalidRequest(f"`by` cannot be `{by[:80]}`: choose one of {', '.join(_GROUPINGS)}.")
    listed = list_languages(hub.registry, caller_of(request, hub).readers())
    found = sorted((each for each in listed if each.tag not in {MULTILINGUAL, _ENGLISH}), key=lambda each: each.tag)
    context = {
        "by": by,
        "groups": _by_region(found) if by == "region" else _by_script(found),
        "level": level_of,
        "total": len(found),
        "measured": sum(each.parity is not None for each in found),
    }
    return render("choose/languages.html", context, request=request)


def _by_region(languages: Sequence[LanguageFacts]) -> list[tuple[str, list[LanguageFacts]]]:
    """Return the languages of each region, the largest group first and those without a region last."""
    groups: dict[str, list[LanguageFacts]] = defaultdict(list)
    for each in languages:
        groups[region_name(each.region, current_locale().tag) if each.region else NO_REGION].append(each)
    return _largest_first(groups, last=NO_REGION)


def _by_script(languages: Sequence[LanguageFacts]) -> list[tuple[str, list[LanguageFacts]]]:
    """Return the languages of each script, the largest group first; those of scripts that few languages have are one group, the last."""
    sizes = Counter(each.script for each in languages)
    groups: dict[str, list[LanguageFacts]] = defaultdict(list)
    for each in languages:
        groups[_script_name(each.script) if sizes[each.script] >= MIN_GROUP else OTHERS].append(each)
    return _largest_first(groups, last=OTHERS)


def _largest_first(groups: dict[str, list[LanguageFacts]], last: str) -> list[tuple[str, list[LanguageFacts]]]:
    return sorted(groups.items(), key=lambda each: (each[0] == last, -len(each[1]), each[0]))


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
        "gaps": language_gaps(hub.registry, hub.store, language, [base for base, _ in overview], readers) if language != _ENGLISH else None,
        "price": PRICE_PER_HOUR,
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


def _script_name(script: str) -> str:
    """Return the name of a script in the language of the page."""
    from langcodes import Language

    return Language.make(script=script).script_name(current_locale().tag) if script else OTHERS
