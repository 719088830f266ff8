"""Parse language tags in a prompt: `a <yo>ọkàn pupa</yo> on a table` has three spans, of which one is Yoruba.

A tag is a BCP-47 tag in angle brackets, valid up to the next tag or its own end. Only languages that the pipeline reads are
tags: other words in brackets, such as the token of a textual inversion, stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from hub.errors import UnknownLanguage
from hub.languages import MULTILINGUAL, covers, parse_language

_TAG = re.compile(r"<(?P<end>/?)(?P<tag>[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)>")


class Span(NamedTuple):
    """A part of a prompt, stripped."""

    text: str
    tag: str
    """Its language; empty outside of tags."""


def parse_spans(text: str, read: Iterable[str]) -> tuple[Span, ...]:
    """Return the spans of `text`, at least one. `read` lists the languages that count as tags; untagged texts are unchanged.

    With a multilingual module (`mul` in `read`) all two-letter codes are tags; three letters may be a word.
    """
    languages = tuple(dict.fromkeys(read))
    spans: list[Span] = []
    tag, start, tagged = "", 0, False
    for found in _TAG.finditer(text):
        named = _language(found["tag"], languages)
        if not named or (found["end"] and named != tag):
            continue
        spans.append(Span(text[start : found.start()].strip(), tag))
        tag, start, tagged = "" if found["end"] else named, found.end(), True
    if not tagged:
        return (Span(text, ""),)
    spans.append(Span(text[start:].strip(), tag))
    return tuple(span for span in spans if span.text) or (next((each for each in spans if each.tag), spans[-1]),)


@cache
def _language(word: str, read: tuple[str, ...]) -> str:
    """Return the tag that `word` spells if one of `read` covers it, else an empty string."""
    try:
        tag = parse_language(word)
    except UnknownLanguage:
        return ""
    known = any(each != MULTILINGUAL and covers(each, tag) for each in read)
    return tag if known or (MULTILINGUAL in read and len(word) == 2) else ""
