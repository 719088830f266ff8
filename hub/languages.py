"""Parse and name languages, as BCP-47 tags, and find the scripts of languages and texts.

langcodes takes about 40 ms to load its tables, so functions import it when they need it.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import cache, lru_cache
from typing import Any

from hub.errors import UnknownLanguage

MULTILINGUAL = "mul"
"""ISO 639-2's tag for "multiple languages"."""
FARTHEST_COVERED = 5
"""Maximum CLDR distance of the same written language: `en` and `en-GB` are 5 apart, `hr` and `bs` 8."""
SHORT = 2
"""Letters of a country's code, and of a common language's."""
_NO_COUNTRIES = {"ZZ", "XA", "XB"}
"""CLDR's codes for an unknown country and for tests."""
FREQUENT = 1_000_000
"""Minimum number of writers of a language that is suggested for a misspelt name."""
SCRIPTS = {
    "Hans": ("CJK",), "Hant": ("CJK", "BOPOMOFO"), "Hani": ("CJK",),
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA"), "Kore": ("HANGUL", "CJK"),
    "Beng": ("BENGALI",), "Cyrl": ("CYRILLIC",), "Deva": ("DEVANAGARI",), "Ethi": ("ETHIOPIC",), "Latn": ("LATIN",),
    "Arab": ("ARABIC",), "Armn": ("ARMENIAN",), "Cans": ("CANADIAN",), "Cher": ("CHEROKEE",), "Geor": ("GEORGIAN",),
    "Grek": ("GREEK",), "Gujr": ("GUJARATI",), "Guru": ("GURMUKHI",), "Hebr": ("HEBREW",), "Khmr": ("KHMER",),
    "Knda": ("KANNADA",), "Laoo": ("LAO",), "Mlym": ("MALAYALAM",), "Mong": ("MONGOLIAN",), "Mymr": ("MYANMAR",),
    "Nkoo": ("NKO",), "Olck": ("OL",), "Orya": ("ORIYA",), "Rohg": ("HANIFI",), "Sinh": ("SINHALA",), "Syrc": ("SYRIAC",),
    "Taml": ("TAMIL",), "Telu": ("TELUGU",), "Tfng": ("TIFINAGH",), "Thaa": ("THAANA",), "Thai": ("THAI",),
    "Tibt": ("TIBETAN",), "Adlm": ("ADLAM",), "Vaii": ("VAI",), "Yiii": ("YI",),
}  # fmt: skip
"""ISO 15924 code → first words of the Unicode names of its letters."""


def parse_language(text: str) -> str:
    """Return the BCP-47 tag of a tag or a language's name in any CLDR language, with or without diacritics.

    `yor`, `yor_Latn` (as in FLORES), `Yoruba`, `Yorùbá` and `Ede Yoruba` all give `yo`. Raises UnknownLanguage with similar names,
    and for a country's code, such as `jp`, with the language of that country.
    """
    wanted = text.strip()
    if wanted.lower() in {MULTILINGUAL, "multilingual"}:
        return MULTILINGUAL
    tag = _from_tag(wanted)
    if tag is None and len(wanted) <= SHORT and wanted.isascii():
        # Never a name: `ua`, Ukraine, is also a name of Ambrak, and `a` one of Aneme Wake.
        raise UnknownLanguage(text, meant=_of_country(wanted))
    tag = tag or _from_name(wanted)
    if tag is None:
        raise UnknownLanguage(text, known=[*_with_prefix_of(wanted), *_tags_by_plain_name(), *_names_in_english()])
    return tag


@lru_cache(maxsize=4096)
def find_language(text: str) -> str:
    """Return the tag of a language by its complete name, in any language of CLDR; empty if there is none. Tags are not accepted."""
    wanted = text.strip()
    if wanted.lower() == "multilingual":
        return MULTILINGUAL
    if len(wanted) <= SHORT and wanted.isascii():
        return ""
    return _from_name(wanted) or ""


def is_frequent(tag: str) -> bool:
    """Return whether at least FREQUENT people write the language, according to CLDR."""
    return tag in _frequent()


def language_name(tag: str, in_language: str = "en") -> str:
    """Return the name of a language: `yo` is `Yoruba` in English."""
    if tag == MULTILINGUAL:
        return "Multilingual"
    from langcodes import Language

    return Language.get(tag).display_name(in_language)


def autonym(tag: str) -> str:
    """Return the name of a language in itself: `yo` is `Èdè Yorùbá`."""
    if tag == MULTILINGUAL:
        return ""
    from langcodes import Language

    return Language.get(tag).autonym()


def covers(tag: str, wanted: str) -> bool:
    """Return whether a module for `tag` can be used for `wanted`: the same language in the same script.

    `pt` covers `pt-BR` and `no` covers `nb`; `zh` (Simplified) does not cover `zh-Hant`. `mul` covers only itself.
    """
    if tag == wanted:
        return True
    if MULTILINGUAL in {tag, wanted}:
        return False
    from langcodes import tag_distance

    return script_of(tag) == script_of(wanted) and tag_distance(wanted, tag) <= FARTHEST_COVERED


def script_of_letters(text: str) -> str:
    """Return the script of most letters of `text`, as the first word of their Unicode names: `LATIN`, `CJK`; empty without letters."""
    words = Counter(
        unicodedata.name(letter, "?").replace("-", " ").split(" ")[0]
        for letter in text
        if unicodedata.category(letter)[0] == "L"
    )
    if not words:
        return ""
    most = words.most_common(1)[0][0]
    # Kana identifies Japanese even if most characters are Chinese ones.
    if most == "CJK" and (other := next((each for each in ("HIRAGANA", "KATAKANA", "HANGUL") if words[each]), None)):
        most = other
    return most


def by_script(text: str, candidates: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `candidates`, BCP-47 tags, that are written in the script of most letters of `text`."""
    most = script_of_letters(text)
    return tuple(tag for tag in candidates if most and most in SCRIPTS.get(script_of(tag), ()))


@cache
def script_of(tag: str) -> str:
    """Return the ISO 15924 code of the script that a language is written in; empty if unknown."""
    from langcodes import Language

    return Language.get(tag).maximize().script or ""


def _from_tag(text: str) -> str | None:
    from langcodes import Language, standardize_tag
    from langcodes.tag_parser import LanguageTagError

    try:
        language = Language.get(text)
    except LanguageTagError:
        return None
    if not language.is_valid() or language.language in {None, "und", "zxx", "mis"}:
        return None
    tag = standardize_tag(text)
    if len(Language.get(tag).language or "") > SHORT:  # CLDR writes `cmn` as `zh` and `arb` as `ar`.
        tag = standardize_tag(text, macro=True)
    found = Language.get(tag)
    plain = found.to_tag().replace(f"-{found.script}", "", 1)
    return plain if found.script and script_of(plain) == found.script else tag


def _of_country(code: str) -> list[str]:
    """Return the most spoken language of the country with this code, as a tag; empty if there is no such country."""
    from langcodes import Language
    from langcodes.tag_parser import LanguageTagError

    try:
        country = Language.make(territory=code.upper())
        is_known = len(code) == SHORT and country.is_valid() and country.territory not in _NO_COUNTRIES
        return [str(country.maximize().language)] if is_known else []
    except LanguageTagError:
        return []


def _from_name(text: str) -> str | None:
    """Return the tag of a complete name. `langcodes.find` also matches prefixes, such as `Klingonsk`."""
    from langcodes import standardize_tag
    from language_data.names import get_trie_value, normalize_name

    if not text.isprintable():
        return None  # The lookup fails on control characters.
    for spelling in (text, _plain(text)):
        try:
            tag = str(standardize_tag(get_trie_value(_names_in_all_languages(), normalize_name(spelling))))
            return _from_tag(tag) or tag
        except KeyError:
            continue
    plain = _plain(text).lower()
    return _tags_by_plain_name().get(plain) or _tags_by_english_name().get(plain)


def _with_prefix_of(text: str) -> list[str]:
    """Return the English name of a language that shares a prefix with `text`, however few people write it."""
    from langcodes import find

    try:
        return [find(text).display_name("en")] if text.isprintable() else []
    except LookupError:
        return []


@cache
def _names_in_all_languages() -> Any:
    """Return langcodes' table from name to tag. It loads in 40 ms; the one from tag to names takes 200 ms."""
    from language_data.names import load_trie
    from language_data.util import data_filename

    return load_trie(data_filename("trie/und/name_to_language.marisa"))


def _plain(text: str) -> str:
    """Remove diacritics."""
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


@cache
def _tags_by_plain_name() -> dict[str, str]:
    """Map autonyms of frequent languages, in lower case and without diacritics, to tags."""
    return {_plain(autonym(tag)).lower(): tag for tag in reversed(_frequent())}


@cache
def _tags_by_english_name() -> dict[str, str]:
    """Map English names of frequent languages, in lower case, to tags: CLDR's table lacks those of one way of writing, like `Hindi`."""
    return {language_name(tag).lower(): tag for tag in reversed(_frequent())}


@cache
def _names_in_english() -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(language_name, _frequent())))


@cache
def _frequent() -> tuple[str, ...]:
    """Return the languages with at least FREQUENT writers according to CLDR, most first."""
    from language_data.population_data import LANGUAGE_WRITING_POPULATION

    writers = {
        tag: people for tag, people in LANGUAGE_WRITING_POPULATION.items() if "-" not in tag and people >= FREQUENT
    }
    return tuple(sorted(writers, key=lambda tag: -writers[tag]))
