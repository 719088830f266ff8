"""Groups of languages: by script, and by how much data language technology has for them.

The classes are those of Joshi et al. (ACL 2020, "The State and Fate of Linguistic Diversity"), 0 (nothing) to 5 (English, Arabic …), read
from a published copy of their list; languages that it lacks are in a separate group.
"""

from __future__ import annotations

CLASSES = {
    0: "shn si",
    1: "ak as az ba cv cy fo gd gu hy ig jv km kn ky mk ml mn my ne no om or qu sd so sq te tk",
    2: "am ga ha is lo mr pa sw ti xh yo zu",
    3: "af be bg bn bs da el et fil gl he id ka kk lt lv ms ro sk sl ta th uk ur uz",
    4: "ca cs eu fa fi hi hr hu it ko nl pl pt ru sr sv tr vi",
    5: "ar de en es fr ja zh",
}
_CLASS_OF = {tag: number for number, tags in CLASSES.items() for tag in tags.split()}
LEVELS = ("high", "middle", "low", "not listed")
SCRIPTS = {
    "Latn": "Latin", "Cyrl": "Cyrillic", "Arab": "Arabic", "Deva": "Devanagari", "Hans": "Chinese characters", "Hant": "Chinese characters",
    "Jpan": "Chinese characters", "Ethi": "Ethiopic",
}  # fmt: skip
OTHER_SCRIPTS = "another script"


def level_of(language: str) -> str:
    """Return `high` (classes 4 and 5), `middle` (3), `low` (0 to 2) or `not listed`."""
    number = _CLASS_OF.get(language.partition("-")[0])
    if number is None:
        return "not listed"
    return "high" if number >= 4 else "middle" if number == 3 else "low"


def script_name(script: str) -> str:
    """Return the group of a script; scripts of one or two languages are together."""
    return SCRIPTS.get(script, OTHER_SCRIPTS)
