"""Split text into normalised words, the same way for artifacts and for queries, and for both databases."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from hub.languages import autonym, language_name
from hub.records import Artifact

_KEPT = frozenset({"Ll", "Lu", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mc", "Co"})
"""Unicode categories of the characters in words. Non-spacing marks (accents, `Mn`) are dropped; all others separate words."""
_ASCII_WORD = re.compile(r"[a-z0-9]+")
MAX_WORDS = 32
"""Maximum number of words of a query; further ones are ignored."""
MAX_WORD = 500
"""Characters of a word that are indexed and searched: PostgreSQL silently damages the index for a word of 2 KB or more."""


def fold(text: str) -> list[str]:
    """Return the words of a text in NFKD, without case and accents: `Yorùbá-SD` → `yoruba`, `sd`."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    kept = []
    for character in unicodedata.normalize("NFKD", text).casefold():
        category = unicodedata.category(character)
        if category in _KEPT:
            kept.append(character)
        elif category != "Mn":
            kept.append(" ")
    return "".join(kept).split()


def query_words(text: str) -> list[str]:
    """Return the distinct words of a query. Hyphenated words stay together: `mulan-yo` matches only `mulan-yo`.

    A word that is a prefix of another one is redundant and dropped.
    """
    items = ("-".join(fold(item))[:MAX_WORD] for item in text.split())
    asked = list(dict.fromkeys(item for item in items if item))[:MAX_WORDS]
    return [word for word in asked if not any(other != word and other.startswith(word) for other in asked)]


def words_in(texts: Iterable[str]) -> str:
    """Return the distinct words of `texts`, separated by spaces; for `mulan-yo.v1` also `mulan-yo-v1` and `yo-v1`."""
    return " ".join(dict.fromkeys(word for text in texts for item in text.split() for word in _words_of_item(item)))


@functools.lru_cache(maxsize=4096)
def _words_of_item(item: str) -> tuple[str, ...]:
    parts = fold(item)
    joined = (
        range(len(parts) - 1) if len(item) <= MAX_WORD else ()
    )  # The endings of a long item would need its length squared.
    return tuple(each[:MAX_WORD] for each in (*parts, *("-".join(parts[place:]) for place in joined)))


def words_of(artifact: Artifact) -> str:
    """Return the searchable words of an artifact, separated by spaces. Languages have their tag, English name and autonym."""
    names = (name for tag in artifact.languages for name in (tag, language_name(tag), autonym(tag)))
    texts = (str(artifact.name), artifact.summary, *artifact.tags, artifact.kind, artifact.method, *artifact.bases)
    return words_in((*texts, *names))


def facet_word(facet: str, value: str) -> str:
    """Return the index word of a facet, which cannot occur in text: `_language:yo`.

    Characters that are not printable, such as control characters, are replaced: SQLite's index would split the word at them.
    """
    return f"_{facet}:{printable('-'.join(value.lower().split()))}"[:MAX_WORD]


def printable(text: str) -> str:
    """Return a text with U+FFFD for each character that is not printable. PostgreSQL refuses texts with NUL."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in text)


def facets_of(artifact: Artifact) -> Iterator[tuple[str, str]]:
    """Yield the facets and values of an artifact that are searchable and counted."""
    single = {
        "kind": artifact.kind,
        "method": artifact.method,
        "license": artifact.license,
        "owner": artifact.name.owner,
    }
    yield from ((facet, value) for facet, value in single.items() if value)
    yield from (("language", tag) for tag in dict.fromkeys(artifact.languages))
    yield from (("base", base) for base in dict.fromkeys(artifact.bases))


def facet_words(facets: Iterable[tuple[str, str]]) -> str:
    """Return the index words of all facets, separated by spaces. Bases are indexed without their owner."""
    return " ".join(
        dict.fromkeys(
            facet_word(facet, value.rpartition("/")[2] if facet == "base" else value) for facet, value in facets
        )
    )
