"""Help with a search without results: a similarly spelled text, and the criteria to remove."""

# ruff: noqa: S608 - only constants are put into SQL here.
from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.languages import MULTILINGUAL, autonym, language_name
from hub.plugins import advertised
from hub.records import KINDS, Meaning, Page, Provenance, Query
from hub.registry.accounts.visibility import visibility_condition
from hub.registry.index.text import fold
from hub.registry.names.base_names import known_bases

if TYPE_CHECKING:
    from hub.registry.database.database import Database

Find = Callable[[Query], Page]
CRITERIA = ("text", "language", "kind", "base", "method", "license", "owner", "metric", "has_images")
"""Fields of a query that can be left out."""
_OF_METRIC = {"metric": "", "benchmark": "", "split": "", "min_value": None, "max_value": None, "sort": "score"}
_METHOD, _BASE = "mulan", "emoji-sd"
"""Defaults if a query names no method or base."""
MAX_READ = 500
"""Maximum number of artifacts, the most downloaded ones, whose words a misspelt one is compared with."""
MAX_CORRECTED = 4
"""Maximum number of words that are corrected: comparing one takes about 10 ms."""
MAX_TYPED = 8
"""Maximum number of words of a text that is corrected."""
_LIKENESS = 0.75
"""Minimum likeness of two words, as `difflib` measures it: one wrong letter in four."""
_LENGTHS = 2
"""Maximum difference between the lengths of a word and its correction."""
_MIN_LETTERS = 3


def count_without(query: Query, find: Find) -> dict[str, int]:
    """Return the number of matches without one of the criteria, for each one whose absence helps.

    That of `provenance` is with self-reported scores instead of reproduced ones.
    """
    given = [name for name in CRITERIA if getattr(query, name)]
    changes: dict[str, dict[str, Any]] = (
        {name: {name: False if name == "has_images" else ""} for name in given} if len(given) > 1 else {}
    )
    if "metric" in changes:
        changes["metric"] = _OF_METRIC
    if query.metric and query.provenance == Provenance.REPRODUCED:
        # An order by value needs one benchmark, and is not needed to count.
        changes["provenance"] = {"provenance": Provenance.SELF_REPORTED, "sort": "score"}
    counts = {name: find(replace(query, **each, limit=0, offset=0, after="")).total for name, each in changes.items()}
    return {name: count for name, count in counts.items() if count}


def correct(database: Database, query: Query, owner: str, has_matches: Callable[[Query], bool]) -> str:
    """Return a text like that of `query` with matches; empty if there is none.

    Words that occur are kept. Others are replaced by the most similar word of the registry: of names, summaries and tags, of bases,
    methods, kinds and languages.
    """
    typed = query.text.split()
    if len(typed) > MAX_TYPED:
        return ""
    alone = Query(readers=query.readers, limit=0)
    wrong = [each for each in typed if len(each) >= _MIN_LETTERS and not has_matches(replace(alone, text=each))]
    if not wrong or len(wrong) > MAX_CORRECTED:
        return ""
    known = list(dict.fromkeys(_vocabulary(database, query.readers, owner)))
    right = {each: _nearest(each.lower(), known) for each in wrong}
    if not all(right.values()):
        return ""
    corrected = " ".join(right.get(each, each) for each in typed)
    return corrected if has_matches(replace(alone, text=corrected)) else ""


def training_command(query: Query, page: Page) -> str:
    """Return the command that trains a module for `query`; empty unless it names exactly one language."""
    meaning = page.meaning or Meaning()
    language, base, method = (getattr(query, name) or getattr(meaning, name) for name in ("language", "base", "method"))
    if not language or language == MULTILINGUAL or "," in language + base + method:
        return ""
    method = method if method in advertised("hub.methods") else _METHOD
    return f"hub train {method} --base {shlex.quote(base or _BASE)} --lang {language}"


def _nearest(word: str, known: list[str]) -> str:
    letters = str.maketrans("", "", word)

    def can_be_near(other: str) -> bool:
        """Return whether enough letters of another word are in this one, which is far faster to tell than how near it is."""
        if abs(len(other) - len(word)) > _LENGTHS:
            return False
        shared = len(other) - len(other.translate(letters))
        return 2 * shared >= _LIKENESS * (len(other) + len(word))

    return next(iter(difflib.get_close_matches(word, filter(can_be_near, known), 1, _LIKENESS)), "")


def _vocabulary(database: Database, readers: tuple[str, ...] | None, owner: str) -> Iterator[str]:
    """Yield words in lower case."""
    facets = database.rows(
        "SELECT facet, value FROM facet_counts WHERE artifacts > 0 AND facet IN ('language', 'method')"
    )
    yield from KINDS
    tags = [row["value"] for row in facets if row["facet"] == "language"]
    yield from (row["value"].lower() for row in facets if row["facet"] == "method")
    for tag in tags:
        yield from (language_name(tag).lower(), autonym(tag).lower())
    yield from (
        name.rpartition("/")[2].lower() for base in known_bases(database, owner) for name in (base.name, *base.others)
    )
    condition, values = visibility_condition(readers)
    rows = database.rows(
        f"SELECT name, summary, tags FROM artifacts WHERE NOT private OR {condition} ORDER BY downloads DESC, key LIMIT :limit",
        {**values, "limit": MAX_READ},
    )
    yield from (row["name"].lower() for row in rows)
    # One call for all: each takes as long as reading ten words.
    tags_of = json.loads(f"[{','.join(row['tags'] for row in rows)}]")
    texts = [" ".join((row["name"], *tags, row["summary"])) for row, tags in zip(rows, tags_of, strict=True)]
    ascii_texts = " ".join(text for text in texts if text.isascii())  # These are split many times faster.
    for text in (ascii_texts, *(text for text in texts if not text.isascii())):
        yield from (word for word in dict.fromkeys(fold(text)) if len(word) >= _MIN_LETTERS)
