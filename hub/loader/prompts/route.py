"""Choose the module that reads a prompt: by the requested language, by tags, by detection or by default."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from hub.bases.language_mixin import Language
from hub.errors import DoesNotFit, InvalidRequest
from hub.languages import MULTILINGUAL, covers, language_name, parse_language
from hub.loader.modules.module_cache import RegisteredModule
from hub.loader.prompts.detection import UndecidedLanguage, detect, is_for_base
from hub.loader.prompts.language_tags import Span, parse_spans


class Piece(NamedTuple):
    """One span of a prompt, or all of it."""

    text: str
    reader: RegisteredModule | None
    """None for the base's own encoder."""


def route(
    texts: Sequence[str],
    language: Language,
    active: Sequence[RegisteredModule],
    *,
    default: str,
    base_languages: Sequence[str],
    leads: Sequence[RegisteredModule | None] | None = None,
) -> list[tuple[Piece, ...]]:
    """Return the spans of each text with their readers.

    `language` is the language of text outside of tags. Without it an untagged text that is certainly in one of the base's languages is
    for the base. For others, the language is detected among those of active modules; if undecided it is `default`, or the first
    active module reads it. In a tagged text the rest is in
    `default` or the base's own language, because a few words between tags are too few to detect. `leads` are the readers of
    negative prompts outside of tags: those of the first span of their prompts.
    Raises UnknownLanguage, InvalidRequest, and DoesNotFit for a language that no module reads.
    """
    wanted = [language] * len(texts) if isinstance(language, str) or language is None else list(language)
    if len(wanted) != len(texts):
        raise InvalidRequest(
            f"`language` names {len(wanted)} languages for {len(texts)} prompts: pass one for all, or one for each."
        )
    read = (*(tag for each in active for tag in each.config.languages), *base_languages)
    lines = []
    for place, (text, requested) in enumerate(zip(texts, wanted, strict=True)):
        spans = parse_spans(text, read) if active else (Span(text, ""),)
        if leads is not None:
            outside = leads[place]
        elif requested is not None:
            outside = by_language(requested, active, base_languages)
        elif any(span.tag for span in spans):
            outside = by_language(default or base_languages[0], active, base_languages)
        else:
            outside = _by_text(text, active, default, base_languages)
        lines.append(
            tuple(
                Piece(span.text, by_language(span.tag, active, base_languages) if span.tag else outside)
                for span in spans
            )
        )
    return lines


def by_language(
    wanted: str, active: Sequence[RegisteredModule], base_languages: Sequence[str]
) -> RegisteredModule | None:
    """Return the first module trained for `wanted`; else None if the base reads it; else a multilingual module.

    Raises DoesNotFit if there is none, and UnknownLanguage.
    """
    for module in active:
        if wanted in module.config.languages and wanted != MULTILINGUAL:
            return module
    tag = parse_language(wanted)
    for module in active:
        if any(_covers(each, tag) for each in module.config.languages):
            return module
    if any(_covers(each, tag) for each in base_languages):
        return None
    for module in active:
        if MULTILINGUAL in module.config.languages:
            return module
    served = (
        "; ".join(f"`{each.name}` reads {', '.join(each.config.languages)}" for each in active) or "no module is active"
    )
    raise DoesNotFit(
        f"no loaded module reads {language_name(tag)} (`{tag}`): {served}. Find one with `hub search --lang {tag}`."
    )


def _by_text(
    text: str, active: Sequence[RegisteredModule], default: str, base_languages: Sequence[str]
) -> RegisteredModule | None:
    if not active:
        return None
    tags = dict.fromkeys(tag for each in active for tag in each.config.languages)
    if MULTILINGUAL not in tags and is_for_base(text, tuple(base_languages), tuple(tags)):
        return None
    if len(active) == 1 and not default:
        return active[0]
    tags.pop(MULTILINGUAL, None)
    found = detect(text, tuple(dict.fromkeys([*tags, *([default] if default else [])]))) if text.strip() else None
    if found is not None:
        return by_language(found, active, base_languages)
    taken = by_language(default, active, base_languages) if default else active[0]
    if text.strip():
        reader = f"`{taken.name}`" if taken is not None else "the base's own encoder"
        warnings.warn(
            f"cannot detect the language of {text[:60]!r} among {', '.join(tags) or 'the loaded modules'}: {reader} reads it. "
            "Set `language=` in the call.",
            UndecidedLanguage,
            stacklevel=2,
        )
    return taken


@cache
def _covers(tag: str, wanted: str) -> bool:
    return covers(tag, wanted)
