"""The scripts of languages and of texts, by the Unicode names of letters."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import cache

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
