"""Clean text of several lines that people type, so that it can be stored and shown."""

from __future__ import annotations

import unicodedata

from hub.errors import InvalidRequest


def plain_text(text: str, limit: int, what: str) -> str:
    """Return a text with line feeds only, without control characters at its ends. Raises InvalidRequest for one that is too long.

    Control characters other than line feeds, and invisible ones that change the direction of what follows, are refused by name.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").strip()
    if len(text) > limit:
        raise InvalidRequest(f"{what} has {len(text)} characters: use at most {limit}.")
    for character in text:
        if character != "\n" and _is_hidden(character):
            raise InvalidRequest(
                f"{what} contains the character U+{ord(character):04X}, which cannot be shown: remove it."
            )
    return text


def _is_hidden(character: str) -> bool:
    """Return True for controls, halves of surrogate pairs and marks that reorder text; joiners and language tags of emoji are allowed."""
    return (
        unicodedata.category(character) in {"Cc", "Cs"}
        or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )
