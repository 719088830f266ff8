"""Which pairs of language and concept are kept away from training, and why each split means something.

| split | what is unseen | what a success shows |
|---|---|---|
| `seen` | nothing | the fit |
| `validation`, `pairs` | name and keywords of a concept in one language; the concept is known in others | transfer across languages |
| `languages` | a whole language | zero-shot transfer |
| `combinations` | a concept in every language, English and its image included; its parts are known | composition |

Membership is a function of SHA-256 over (language, concept) alone, so that adding a language or a concept moves no other row.
"""

from __future__ import annotations

import hashlib

from trainers.lab.dataset.concepts import Concept, shape_and_colour

HELD_OUT_LANGUAGES = ("af", "gl", "ig", "mk", "ms", "ne", "ur", "xh", "yue", "yue-Hans", "zu")
"""Each with a relative that stays in training, across eight scripts and regions."""

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
    """The split of one pair: `seen`, `validation`, `pairs`, `languages` or `combinations`."""
    if is_combination(concept):
        return "combinations"
    if language in HELD_OUT_LANGUAGES:
        return "languages"
    if language == "en" or concept.role != "base":
        return "seen"
    place = _place(f"{language}:{concept.id}")
    if place < PAIRS_SHARE:
        return "pairs"
    return "validation" if place < PAIRS_SHARE + VALIDATION_SHARE else "seen"


def is_combination(concept: Concept) -> bool:
    """Whether the concept itself is unseen in every language while its parts are seen.

    Of a flag it is the phrase (`flag: Nigeria`) that is unseen: its image is trained under the country's word alone.
    """
    match concept.role:
        case "tone":
            return _place(concept.id) < TONES_SHARE
        case "flag":
            return concept.subgroup == "country-flag" and _place(concept.id) < FLAGS_SHARE
        case "base":
            return shape_and_colour(concept.name) in COLOURED_SHAPES
        case _:
            return False


def _place(key: str) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(f"emoji:{key}".encode()).digest()[:8]) / 2**64
