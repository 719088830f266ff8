"""Words as search compares them: what is written and what is asked for are folded alike, for both databases."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from hub.languages import autonym, language_name
from hub.records import Artifact

_KEPT = frozenset({"Ll", "Lu", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mc", "Co"})
"""Unicode categories that words are made of. Marks that take no room (accents, `Mn`) are dropped, all else separates."""
_ASCII_WORD = re.compile(r"[a-z0-9]+")
MAX_WORDS = 32
"""Most words of a search that are looked at."""


def fold(text: str) -> list[str]:
    """The words of a text: compatibility forms taken apart, without case and accents. `Yorùbá-SD` → `yoruba`, `sd`."""
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


def words_asked(text: str) -> list[str]:
    """The words of a search, each once; parts of one item stay together: `mulan-yo` asks for just that.

    A word that another one begins with says nothing and is left out.
    """
    items = ("-".join(fold(item)) for item in text.split())
    asked = list(dict.fromkeys(item for item in items if item))[:MAX_WORDS]
    return [word for word in asked if not any(other != word and other.startswith(word) for other in asked)]


def words_in(texts: Iterable[str]) -> str:
    """The words of some texts, each once, separated by one space; of `mulan-yo.v1` also `mulan-yo-v1` and `yo-v1`."""
    return " ".join(dict.fromkeys(word for text in texts for item in text.split() for word in _words_of_item(item)))


@functools.lru_cache(maxsize=4096)
def _words_of_item(item: str) -> tuple[str, ...]:
    parts = fold(item)
    return (*parts, *("-".join(parts[place:]) for place in range(len(parts) - 1)))


def words_of(artifact: Artifact) -> str:
    """What search looks through, words separated by one space; languages by their tags, English and own names."""
    names = (name for tag in artifact.languages for name in (tag, language_name(tag), autonym(tag)))
    said = (str(artifact.name), artifact.summary, *artifact.tags, artifact.kind, artifact.method, *artifact.bases)
    return words_in((*said, *names))


def facet_word(facet: str, value: str) -> str:
    """A facet as a word that nobody can type: `_language:yo`."""
    return f"_{facet}:{'-'.join(value.lower().split())}"


def facets_of(artifact: Artifact) -> Iterator[tuple[str, str]]:
    """Every facet and value by which an artifact is found and counted; bases by their names without owner."""
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
    """All facets as words; a base is asked for by its name alone."""
    return " ".join(
        dict.fromkeys(
            facet_word(facet, value.rpartition("/")[2] if facet == "base" else value) for facet, value in facets
        )
    )
