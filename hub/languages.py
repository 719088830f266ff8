"""Languages as BCP-47 tags, and the names people type for them.

langcodes loads its tables in about 40 ms, so it is imported by the functions and not by this module.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

from hub.errors import UnknownLanguage

MULTILINGUAL = "mul"
"""ISO 639-2's tag for "multiple languages": made for no one language."""
FARTHEST_COVERED = 5
"""Largest CLDR distance that still counts as the same written language: `en` and `en-GB` are 5 apart, `hr` and `bs` 8."""
FREQUENT = 1_000_000
"""Languages with so many writers are offered when a name is misspelt."""


def parse_language(text: str) -> str:
    """The BCP-47 tag of `text`: a tag, or a language's name in any CLDR language, with or without its diacritics.

    `yor`, `Yoruba`, `Yorùbá` and `Ede Yoruba` all give `yo`. Raises UnknownLanguage with near names.
    """
    wanted = text.strip()
    if wanted.lower() in {MULTILINGUAL, "multilingual"}:
        return MULTILINGUAL
    tag = _from_tag(wanted) or _from_name(wanted)
    if tag is None:
        raise UnknownLanguage(text, known=[*_begun_with(wanted), *_tags_by_plain_name(), *_names_in_english()])
    return tag


def language_name(tag: str, in_language: str = "en") -> str:
    """What `tag` is called: `yo` is `Yoruba` in English."""
    if tag == MULTILINGUAL:
        return "Multilingual"
    from langcodes import Language

    return Language.get(tag).display_name(in_language)


def autonym(tag: str) -> str:
    """What speakers call their language: `yo` is `Èdè Yorùbá`."""
    if tag == MULTILINGUAL:
        return ""
    from langcodes import Language

    return Language.get(tag).autonym()


def covers(tag: str, wanted: str) -> bool:
    """Whether something made for `tag` serves a reader of `wanted`: the same language in the same script.

    `pt` covers `pt-BR` and `no` covers `nb`; `zh` (Simplified) does not cover `zh-Hant`. `mul` promises no language.
    """
    if tag == wanted:
        return True
    if MULTILINGUAL in {tag, wanted}:
        return False
    from langcodes import tag_distance

    return _script(tag) == _script(wanted) and tag_distance(wanted, tag) <= FARTHEST_COVERED


@cache
def _script(tag: str) -> str | None:
    from langcodes import Language

    return Language.get(tag).maximize().script


def _from_tag(text: str) -> str | None:
    from langcodes import Language, standardize_tag
    from langcodes.tag_parser import LanguageTagError

    try:
        language = Language.get(text)
        is_a_language = language.is_valid() and language.language not in {None, "und", "zxx", "mis"}
        return standardize_tag(text) if is_a_language else None
    except LanguageTagError:
        return None


def _from_name(text: str) -> str | None:
    """The tag of a name as a whole: `langcodes.find` alone answers `Klingonsk` too, with what begins like it."""
    from langcodes import standardize_tag
    from language_data.names import get_trie_value, normalize_name

    if not text.isprintable():
        return None  # The table of names cannot be asked for control characters.
    for spelling in (text, _plain(text)):
        try:
            return str(standardize_tag(get_trie_value(_names_in_all_languages(), normalize_name(spelling))))
        except KeyError:
            continue
    return _tags_by_plain_name().get(_plain(text).lower())


def _begun_with(text: str) -> list[str]:
    """The English name of the language that `text` begins like: few may write it, as Klingon."""
    from langcodes import find

    try:
        return [find(text).display_name("en")] if text.isprintable() else []
    except LookupError:
        return []


@cache
def _names_in_all_languages() -> Any:
    """The table that langcodes looks names up in. It loads in 40 ms; that of names by tag takes 200 ms."""
    from language_data.names import load_trie
    from language_data.util import data_filename

    return load_trie(data_filename("trie/und/name_to_language.marisa"))


def _plain(text: str) -> str:
    """`text` without diacritics."""
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


@cache
def _tags_by_plain_name() -> dict[str, str]:
    """Autonyms of the frequent languages, in lower case and without diacritics."""
    return {_plain(autonym(tag)).lower(): tag for tag in reversed(_frequent())}


@cache
def _names_in_english() -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(language_name, _frequent())))


@cache
def _frequent() -> tuple[str, ...]:
    """Languages that at least FREQUENT people write, most first, after CLDR's figures."""
    from language_data.population_data import LANGUAGE_WRITING_POPULATION

    writers = {
        tag: people for tag, people in LANGUAGE_WRITING_POPULATION.items() if "-" not in tag and people >= FREQUENT
    }
    return tuple(sorted(writers, key=lambda tag: -writers[tag]))
