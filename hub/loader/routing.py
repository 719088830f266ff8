"""Which resident module reads a prompt: by the language asked for, or detected, or by default."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache

from hub.bases.language import Language
from hub.errors import DoesNotFit, WrongRequest
from hub.languages import MULTILINGUAL, covers, language_name, parse_language
from hub.loader.detection import UndecidedLanguage, detect
from hub.loader.resident import Resident


def route(
    texts: Sequence[str], language: Language, active: Sequence[Resident], *, default: str, base_languages: Sequence[str]
) -> list[Resident | None]:
    """For each text its resident, or None for the base's own encoder.

    `default` is the language declared for prompts whose own cannot be told; when it is empty the first active resident
    reads those. Raises UnknownLanguage, and DoesNotFit for a language that nobody here reads.
    """
    if language is None:
        return [_by_text(text, active, default, base_languages) for text in texts]
    wanted = [language] * len(texts) if isinstance(language, str) else list(language)
    if len(wanted) != len(texts):
        raise WrongRequest(
            f"`language` names {len(wanted)} languages for {len(texts)} prompts: give one, or one for each."
        )
    return [by_language(each, active, base_languages) for each in wanted]


def by_language(wanted: str, active: Sequence[Resident], base_languages: Sequence[str]) -> Resident | None:
    """The first resident made for `wanted`; else the base if it reads it; else one made for no one language."""
    for resident in active:
        if wanted in resident.config.languages and wanted != MULTILINGUAL:
            return resident
    tag = parse_language(wanted)
    for resident in active:
        if any(_covers(each, tag) for each in resident.config.languages):
            return resident
    if any(_covers(each, tag) for each in base_languages):
        return None
    for resident in active:
        if MULTILINGUAL in resident.config.languages:
            return resident
    served = "; ".join(f"`{each.name}` reads {', '.join(each.config.languages)}" for each in active) or "none is active"
    raise DoesNotFit(
        f"no resident module reads {language_name(tag)} (`{tag}`): {served}. Find one with `hub search --lang {tag}`."
    )


def _by_text(text: str, active: Sequence[Resident], default: str, base_languages: Sequence[str]) -> Resident | None:
    if not active:
        return None
    if len(active) == 1 and not default:
        return active[0]
    tags = dict.fromkeys(tag for each in active for tag in each.config.languages if tag != MULTILINGUAL)
    found = detect(text, tuple(dict.fromkeys([*tags, *([default] if default else [])]))) if text.strip() else None
    if found is not None:
        return by_language(found, active, base_languages)
    taken = by_language(default, active, base_languages) if default else active[0]
    if text.strip():
        reader = f"`{taken.name}`" if taken is not None else "the base's own encoder"
        warnings.warn(
            f"cannot tell the language of {text[:60]!r} among {', '.join(tags) or 'the residents'}: {reader} reads it. "
            "Say `language=` in the call.",
            UndecidedLanguage,
            stacklevel=2,
        )
    return taken


@cache
def _covers(tag: str, wanted: str) -> bool:
    return covers(tag, wanted)
