"""Check what a visitor typed."""

from __future__ import annotations

import unicodedata

from hub.errors import InvalidRequest
from hub.languages import SCRIPTS, by_script, language_name, script_of, script_of_letters

MAX_CHARACTERS = 400
"""More than any encoder reads: CLIP reads 77 tokens."""
MAX_SEED = 2**32 - 1
_CONTROLS = {"Cc", "Cs", "Co"}
_DIRECTIONS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Invisible characters that reorder text. Those that join or separate letters (ZWJ, ZWNJ, marks) belong to many languages."""


def check_prompt(text: str, language: str) -> str:
    """Return the prompt with single spaces, in Unicode's form C. Raises InvalidRequest for one that no encoder should read."""
    prompt = unicodedata.normalize("NFC", " ".join(text.split()))
    if not prompt:
        raise InvalidRequest("type a prompt first, or click an example.")
    if len(prompt) > MAX_CHARACTERS:
        raise InvalidRequest(f"the prompt has {len(prompt)} characters, but the limit is {MAX_CHARACTERS}: shorten it.")
    for character in prompt:
        if unicodedata.category(character) in _CONTROLS or character in _DIRECTIONS:
            raise InvalidRequest(f"the prompt contains the invisible character U+{ord(character):04X}: remove it.")
    found = script_of_letters(prompt)
    is_known = script_of(language) in SCRIPTS
    # Latin letters occur in every language: brands, names, transliterations.
    if found not in {"", "LATIN"} and is_known and not by_script(prompt, (language,)):
        name = "Chinese characters" if found == "CJK" else f"{found.capitalize()} letters"
        raise InvalidRequest(
            f"this prompt is written in {name}, which {language_name(language)} does not use: choose the language of the prompt."
        )
    return prompt


def check_seed(text: str) -> int:
    """Return the seed that a visitor typed; 0 for nothing. Raises InvalidRequest."""
    plain = text.strip() or "0"
    if not (plain.isascii() and plain.isdecimal()) or len(plain) > 10 or int(plain) > MAX_SEED:
        raise InvalidRequest(f"`{plain[:40]}` is not a seed: use a whole number from 0 to {MAX_SEED}.")
    return int(plain)
