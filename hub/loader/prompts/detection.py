"""Detect the language of a prompt among a few candidates: by script if that is unique, else by `lingua` if installed.

`lingua` is limited to the candidates: among six it recognises Yoruba in 93 % of CLDR's names, among all its 75 languages in
87 %, and all models would take a gigabyte. It does not support Hausa, Igbo or Amharic: a prompt that could be in an
unsupported language stays undecided.

A prompt in the base's own language is for the base, but a mistake there is worse than elsewhere: the base draws something else from
words that it never learned, while a module still reads most English. So the base has to win by `BASE_MARGIN`.
`python -m benchmarks.detection` measures both kinds of errors.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from hub.languages import by_script, script_of

MARGIN = 0.1
"""Minimum difference of the two best relative confidences (0 to 0.99) for a decision by `lingua`."""
BASE_MARGIN = 0.3
"""The same between the base's languages and the modules', for a decision for the base; chosen on the split `validation`."""


class UndecidedLanguage(UserWarning):
    """A prompt's language could not be detected among the loaded modules'; the default was used."""


def detect(text: str, candidates: tuple[str, ...]) -> str | None:
    """Return the one of `candidates`, BCP-47 tags, that `text` is in; None if undecided."""
    if len(candidates) == 1:
        return candidates[0]
    possible = by_script(text, candidates)
    if len(possible) < 2:
        return possible[0] if possible else None
    detector = _detector(possible)
    if detector is None:
        return None
    found = detector.detect_language_of(text)
    return _tags_by_code(possible)[found.iso_code_639_1.name.lower()] if found is not None else None


@lru_cache(maxsize=4096)
def is_for_base(text: str, own: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Return whether `text` is in one of the base's `own` languages, and certainly in none of the modules' `others`."""
    others = tuple(tag for tag in others if tag not in own)
    possible = by_script(text, (*own, *others))
    if not others or not any(tag in own for tag in possible):
        return False
    if all(tag in own for tag in possible):
        return True
    detector = _detector(possible)
    if detector is None:
        return False
    tags = _tags_by_code(possible)
    found = {
        tags[each.language.iso_code_639_1.name.lower()]: each.value
        for each in detector.compute_language_confidence_values(text)
    }
    best, other = (max(found[tag] for tag in possible if (tag in own) is is_own) for is_own in (True, False))
    return bool(best - other >= BASE_MARGIN)


@cache
def _detector(tags: tuple[str, ...]) -> Any:
    """Return a detector for exactly these languages; None without `lingua` or if it does not support all of them."""
    try:
        from lingua import IsoCode639_1, LanguageDetectorBuilder
    except ModuleNotFoundError:
        return None
    codes = [
        getattr(IsoCode639_1, code.upper())
        for code in _tags_by_code(tags)
        # `lingua` knows one script of each language: Serbian is Cyrillic, so that Latin letters are never Serbian.
        if hasattr(IsoCode639_1, code.upper()) and script_of(_tags_by_code(tags)[code]) == script_of(code)
    ]
    if len(codes) < len(tags):
        return None
    return LanguageDetectorBuilder.from_iso_codes_639_1(*codes).with_minimum_relative_distance(MARGIN).build()


def _tags_by_code(tags: tuple[str, ...]) -> dict[str, str]:
    """Return `lingua`'s two-letter codes → tags; it has Norwegian as Bokmål."""
    return {{"no": "nb"}.get(code, code): tag for tag in reversed(tags) for code in (tag.split("-")[0],)}
