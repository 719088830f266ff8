"""Understand what people type into the search box: `yoruba sdxl` is a language and a base, `m-clip` a method.

The longest phrases come first. A phrase is a base by any of its names, a method or a kind of this registry, or a language by its
name in any language or by a tag that artifacts have. Everything else is a word. Text in double quotes is searched for as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hub.languages import covers, find_language, is_frequent
from hub.records import DATASET, KINDS, Meaning
from hub.registry.index.text import MAX_WORDS, facet_word, fold, query_words
from hub.registry.names.base_names import MAX_NAME, BaseNames, known_bases, squeeze
from hub.registry.search.criteria import Reading, read_literally, spellings

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_PHRASE = 5
"""Maximum number of words of a base's or a language's name: `Stable Diffusion XL base 1.0` has five."""
MAX_ALONE = 1000
"""Maximum number of artifacts for a language of which those for it alone are found."""
_MIN_BEGINNING = 3
_SHORT_TAG = 3
_NOT_A_LETTER = re.compile(r"[^a-z]")
_FILLERS = frozenset({
    "a", "an", "and", "are", "as", "be", "can", "for", "from", "i", "in", "is", "it", "model", "models", "module", "modules", "my", "need",
    "no", "of", "on", "or", "so", "that", "the", "to", "want", "which", "with",
})  # fmt: skip
"""Words to ignore in a query that has others. Some are also tags of languages."""
_KIND_NAMES = {"dataset": ("data set", "data sets"), "delta": ("delta weights",)}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that a text can contain."""

    bases: Mapping[str, BaseNames]
    """Names as `squeeze` writes them."""
    methods: Mapping[str, str]
    """Names as `squeeze` writes them → method."""
    languages: Mapping[str, int]
    """Tags of languages → number of artifacts."""
    series: frozenset[str]
    """The letters that names of bases begin with, such as `sd`. They are not read as a language, even if they are the tag of one."""


def read_vocabulary(database: Database, owner: str) -> Vocabulary:
    """Return the vocabulary of a registry. A base's own name comes before the aliases of others."""
    known = known_bases(database, owner)
    bases = {squeeze(name): base for base in reversed(known) for name in (*base.bare, *base.others)}
    bases |= {squeeze(base.name.rpartition("/")[2]): base for base in reversed(known)}
    rows = database.rows(
        "SELECT facet, value, artifacts FROM facet_counts WHERE facet IN ('language', 'method') AND artifacts > 0"
    )
    methods = {squeeze(row["value"]): row["value"] for row in rows if row["facet"] == "method"}
    methods |= {row["value"].lower(): row["value"] for row in rows if row["facet"] == "method"}
    languages = {row["value"]: row["artifacts"] for row in rows if row["facet"] == "language"}
    return Vocabulary(bases, methods, languages, frozenset(_NOT_A_LETTER.split(name, maxsplit=1)[0] for name in bases))


@dataclass(slots=True)
class _Found:
    """The phrases of a text that were recognised so far."""

    meaning: Meaning = field(default_factory=Meaning)
    alternatives: list[tuple[str, ...]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    base: BaseNames | None = None
    is_asked: bool = False
    """Whether the text names the language that is already requested."""


def understand(text: str, vocabulary: Vocabulary, language: str = "") -> tuple[Reading, Meaning | None]:
    """Return how to search for a text, and its interpretation; None if it consists of words only.

    `language`: one that is already requested; then other languages in the text are words.
    """
    if len(text) > 2 and text[0] == text[-1] == '"':
        return read_literally(text[1:-1]), None
    typed = text.split()[:MAX_WORDS]
    found, at = _Found(), 0
    while at < len(typed):
        for size in range(min(MAX_PHRASE, len(typed) - at), 0, -1):
            if _recognise(" ".join(typed[at : at + size]), vocabulary, language, found, is_all=size == len(typed)):
                at += size
                break
        else:
            found.words.append(typed[at])
            at += 1
    begin = _bases_beginning(text, vocabulary)
    if not (found.alternatives or found.meaning.language or found.is_asked):
        return replace(read_literally(text), begin=begin), None
    words = [word for word in found.words if word.lower() not in _FILLERS]
    meaning = replace(found.meaning, words=tuple(words))
    is_rare = vocabulary.languages.get(meaning.language, 0) <= MAX_ALONE
    reading = Reading(
        words=tuple(query_words(" ".join(words))),
        alternatives=tuple(found.alternatives),
        language=meaning.language,
        names=spellings(text),
        same=(found.base.name.lower(),) if found.base and meaning == Meaning(base=meaning.base) else (),
        begin=begin,
        method=meaning.method if meaning == Meaning(method=meaning.method) else "",
        alone=meaning.language if meaning == Meaning(language=meaning.language) and is_rare else "",
    )
    return reading, meaning


def _recognise(phrase: str, vocabulary: Vocabulary, language: str, found: _Found, *, is_all: bool) -> bool:
    """Add to `found` what a phrase is; return whether it is known."""
    squeezed, meaning = squeeze(phrase), found.meaning
    if not meaning.method and (method := vocabulary.methods.get(phrase.lower()) or vocabulary.methods.get(squeezed)):
        found.meaning = replace(meaning, method=method)
        found.alternatives.append((facet_word("method", method), *_as_word(phrase)))
        return True
    if not meaning.base and (base := vocabulary.bases.get(squeezed)):
        found.meaning, found.base = replace(meaning, base=base.name.rpartition("/")[2]), base
        own = "-".join(fold(base.name.rpartition("/")[2]))
        names = [facet_word("base", name) for name in base.bare]
        found.alternatives.append(tuple(dict.fromkeys([*names, own, *_as_word(phrase)])))
        return True
    if tag := _language_of(phrase, vocabulary, is_all=is_all):
        if language and (covers(language, tag) or covers(tag, language)):
            found.is_asked = True
            return True
        if not language and not meaning.language:
            found.meaning = replace(meaning, language=tag)
            return True
    if not meaning.kind and (kind := _kind_of(phrase)):
        found.meaning = replace(meaning, kind=kind)
        found.alternatives.append((facet_word("kind", kind),))
        return True
    return False


def _bases_beginning(text: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the keys of bases with a name that begins with the text: `stable diffusion` begins names of several."""
    squeezed = squeeze(text) if len(text) <= MAX_NAME else ""
    if len(squeezed) < _MIN_BEGINNING:
        return ()
    found = (base.name.lower() for name, base in vocabulary.bases.items() if name.startswith(squeezed))
    return tuple(dict.fromkeys(found))


def _language_of(phrase: str, vocabulary: Vocabulary, *, is_all: bool) -> str:
    """Return the tag of the language that a phrase names; empty if none. Most words are the name of some small language."""
    lower = phrase.lower()
    if phrase.isascii() and len(phrase) <= _SHORT_TAG:
        is_known = lower in vocabulary.languages and (is_all or lower not in _FILLERS)
        return lower if is_known and lower not in vocabulary.series else ""
    tag = find_language(phrase)
    return tag if tag and (tag in vocabulary.languages or is_frequent(tag)) else ""


def _kind_of(phrase: str) -> str:
    """Return the kind that a phrase names in the singular or plural; empty if none."""
    lower = phrase.lower()
    for kind in (*KINDS, DATASET):
        if lower in {kind, f"{kind}s", *_KIND_NAMES.get(kind, ())}:
            return kind
    return ""


def _as_word(phrase: str) -> tuple[str, ...]:
    """Return the prefix of a word that a phrase also is: `token-kd` occurs in names."""
    return ("-".join(fold(phrase)),) if fold(phrase) else ()
