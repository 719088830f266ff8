"""Assign each pair of language and concept to a split.

| split | unseen in training | success shows |
|---|---|---|
| `seen` | nothing | fit |
| `validation`, `pairs` | name and keywords of a concept in one language; the concept is known in others | transfer across languages |
| `languages` | a whole language | zero-shot transfer |
| `combinations` | a concept in every language, including English and its image; its parts are known | composition |

Membership depends only on a SHA-256 over (language, concept), so adding a language or a concept moves no other row.
"""

from __future__ import annotations

import hashlib

from trainers.lab.dataset.concepts import Concept, shape_and_colour

HELD_OUT_LANGUAGES = ("af", "gl", "ig", "mk", "ms", "ne", "ur", "xh", "yue", "yue-Hans", "zu")
"""Each has a related language in training; together they cover eight scripts and regions."""

PAIRS_SHARE = 0.08
VALIDATION_SHARE = 0.04
TONES_SHARE = 0.15
FLAGS_SHARE = 0.10
COLOURED_SHAPES = {
    ("heart", "orange"),
    ("circle", "purple"),
    ("square", "green"),
    ("heart", "brown"),
    ("square", "yellow"),
}


def split_of(language: str, concept: Concept) -> str:
    """Return the split of one pair: `seen`, `validation`, `pairs`, `languages` or `combinations`."""
    if is_combination(concept):
        return "combinations"
    if language in HELD_OUT_LANGUAGES:
        return "languages"
    if language == "en" or concept.role != "base":
        return "seen"
    position = _position(f"{language}:{concept.id}")
    if position < PAIRS_SHARE:
        return "pairs"
    return "validation" if position < PAIRS_SHARE + VALIDATION_SHARE else "seen"


def is_combination(concept: Concept) -> bool:
    """Return whether the concept is unseen in every language while its parts are seen.

    For a flag only the phrase (`flag: Nigeria`) is unseen: its image is trained under the country's name.
    """
    match concept.role:
        case "tone":
            return _position(concept.id) < TONES_SHARE
        case "flag":
            return concept.subgroup == "country-flag" and _position(concept.id) < FLAGS_SHARE
        case "base":
            return shape_and_colour(concept.name) in COLOURED_SHAPES
        case _:
            return False


def _position(key: str) -> float:
    """Return a number in [0, 1) that depends only on the key."""
    return int.from_bytes(hashlib.sha256(f"emoji:{key}".encode()).digest()[:8]) / 2**64
