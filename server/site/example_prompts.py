"""Example prompts in many languages, to click and to copy: names of emoji in Unicode CLDR, which people wrote.

`python -m trainers.lab.dataset.examples` writes the file from the data set `emoji`; see THIRD_PARTY_NOTICES.md for its licence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ENGLISH = "en"
"""The language that bases read."""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt."""

    prompt: str
    meaning: str
    """In English."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples and letters that a page offers for one language."""

    prompts: tuple[Example, ...] = ()
    keys: tuple[str, ...] = ()
    """Letters and tone marks that a keyboard might lack."""


def examples_of(language: str) -> Examples:
    """Return the examples of a language; without any for one that the data lacks."""
    return all_examples().get(language, Examples())


def prompt_in(tag: str) -> str:
    """Return the first prompt in a language, ignoring its region or script if needed; in English for an unknown one."""
    known = all_examples()
    return (known.get(tag) or known.get(tag.partition("-")[0]) or known[ENGLISH]).prompts[0].prompt


@cache
def all_examples() -> dict[str, Examples]:
    """Return the examples of all languages."""
    content = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return {
        tag: Examples(tuple(Example(*each) for each in given["prompts"]), tuple(given["keys"]))
        for tag, given in content.items()
    }
