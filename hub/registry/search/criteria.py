"""Translate a query into the terms of the index, and define the sort orders."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from hub.languages import MULTILINGUAL, covers
from hub.names import split_values
from hub.records import Query
from hub.registry.index.facet_bits import bits_in
from hub.registry.index.ranking import FOREIGN_LANGUAGE, UNMEASURED
from hub.registry.index.tags import HAS_IMAGES, can_be_in_name, magnitude_words, name_part_prefix, name_part_words
from hub.registry.index.text import facet_word, printable, query_words

SORT_COLUMNS = {
    "score": (("ranking", ""), ("downloads", "DESC"), ("key", "")),
    "updated": (("updated_at", "DESC"), ("key", "")),
    "downloads": (("downloads", "DESC"), ("key", "")),
    "name": (("bare_key", ""), ("key", "")),
    "created": (("created_at", "DESC"), ("key", "")),
    "likes": (("likes", "DESC"), ("key", "")),
    "trend": (("trending", "DESC"), ("key", "")),
}
"""Sort order → columns and directions. Each order has an index."""
ORDER_BY = {
    sort: ", ".join(f"{column} {way}".rstrip() for column, way in columns) for sort, columns in SORT_COLUMNS.items()
}


_COLUMNS = ("kind", "method", "license", "owner")
"""Facets with one value per artifact, in a column of the same name."""
OWNER = "owner"
"""The facet with many values, of which not all are read to find out how one is written."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The meaning of the text of a query."""

    words: tuple[str, ...] = ()
    """Prefixes of words that must all occur."""
    alternatives: tuple[tuple[str, ...], ...] = ()
    """See `SearchCriteria`."""
    language: str = ""
    """A language that must match."""
    names: tuple[str, ...] = ()
    """Names that the whole text can be, in lower case and as typed first. Artifacts with such a name come first."""
    same: tuple[str, ...] = ()
    """Keys of bases that people call so. They come first, too."""
    begin: tuple[str, ...] = ()
    """Keys of bases with a name that begins so. They come next, with artifacts whose name begins so."""
    method: str = ""
    """The method that the whole text means. Its modules come before those with another spelling of the name."""
    alone: str = ""
    """The language that the whole text means. Artifacts for it alone come first, and no names are compared beyond the first."""
    is_empty: bool = False
    """Whether the text has no word, so that no words can match."""


def read_literally(text: str) -> Reading:
    """Return the reading of a text as words, and as a name."""
    words = tuple(query_words(text))
    return Reading(words=words, names=spellings(text), is_empty=bool(text.strip()) and not words)


def spellings(text: str) -> tuple[str, ...]:
    """Return the names that a text can be, as typed first: `chinese-clip`, `chineseclip`, … for `Chinese CLIP`."""
    typed = "-".join(text.lower().split())
    owner, slash, name = typed.rpartition("/")
    parts = name.replace("_", "-").replace(".", "-").split("-")
    spelt = (name, "".join(parts), "-".join(parts), "_".join(parts), ".".join(parts))
    return tuple(dict.fromkeys(owner + slash + each for each in spelt if each and can_be_in_name(owner + slash + each)))


def criteria_of(
    query: Query,
    reading: Reading,
    counts: Mapping[str, Mapping[str, int]],
    readers: tuple[str, ...] | None,
    base_names: Sequence[str],
) -> SearchCriteria:
    """Return the criteria of a query whose text was read as `reading`. `counts`: those of the values that artifacts have, by facet."""
    bases = [base.rpartition("/")[2].lower() for base in split_values(query.base)]
    wanted = split_values(query.language) or split_values(reading.language)
    present = list(counts["language"])
    columns = {
        column: _stored(column, values, counts.get(column, ()))
        for column in _COLUMNS
        if (values := split_values(getattr(query, column)))
    }
    return SearchCriteria(
        words=reading.words,
        columns=columns,
        bases=_base_keys([*bases, *base_names], counts["base"]),
        tags=tuple(dict.fromkeys(tag for each in wanted for tag in _matching_tags(each, present))),
        impossible=reading.is_empty or not all(map(can_be_in_name, query.parts)),
        readers=readers,
        name_parts=tuple(part.lower() for part in query.parts),
        required_tags=_required_tags(query),
        parameters=query.parameters,
        alternatives=reading.alternatives,
        told_by_bits=told_by_bits(columns, counts),
    )


def told_by_bits(columns: Mapping[str, Sequence[str]], counts: Mapping[str, Mapping[str, int]]) -> frozenset[str]:
    """Return those of `columns` whose values differ in their bits from all other values that artifacts have."""
    return frozenset(
        column for column, wanted in columns.items() if column != OWNER and _differ(column, wanted, counts[column])
    )


def _differ(facet: str, wanted: Sequence[str], present: Iterable[str]) -> bool:
    bits = {bits_in([facet_word(facet, value)]) for value in wanted}
    return not any(bits_in([facet_word(facet, value)]) in bits for value in present if value not in wanted)


def _stored(facet: str, wanted: Sequence[str], present: Iterable[str]) -> tuple[str, ...]:
    """Return the `present` values of a facet that are `wanted`, however they are written, or the latter themselves."""
    words = {facet_word(facet, value) for value in wanted}
    return tuple(value for value in present if facet_word(facet, value) in words) or tuple(map(printable, wanted))


def _base_keys(wanted: Iterable[str], present: Iterable[str]) -> tuple[str, ...]:
    """Return the `wanted` names of bases, and those of `present` bases that differ from them in white space alone."""
    spaced = (name.rpartition("/")[2].lower() for name in present if len(name.split()) > 1)
    names = dict.fromkeys(map(printable, wanted))
    words = {facet_word("base", name) for name in names}
    alike = (name for name in spaced if facet_word("base", name) in words)
    return tuple(dict.fromkeys([*names, *(word.partition(":")[2] for word in words), *alike])) if names else ()


def _required_tags(query: Query) -> tuple[tuple[str, ...], ...]:
    groups = [(facet_word("tag", label),) for label in query.labels]
    groups += [(facet_word("type", query.type),)] if query.type else []
    groups += [(facet_word("gated", "yes" if query.gated else "no"),)] if query.gated is not None else []
    groups += [(HAS_IMAGES,)] if query.has_images else []
    return (*groups, tuple(magnitude_words(*query.parameters))) if query.parameters else tuple(groups)


def _matching_tags(language: str, present: Iterable[str]) -> list[str]:
    """Return the `present` tags that serve readers of `language`, or `language` itself. Multilingual artifacts serve all readers."""
    return [tag for tag in present if tag == MULTILINGUAL or covers(tag, language)] or [printable(language)]


@dataclasses.dataclass(frozen=True, slots=True)
class SearchCriteria:
    """A query in the terms of the index: all word prefixes and all facets must match, and one of the languages."""

    words: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    """Column → values as they are stored, of which one must match; owners as they were asked for."""
    bases: tuple[str, ...]
    """Names of a base, without owners and in lower case, of which one must match."""
    tags: tuple[str, ...]
    """Languages, of which one must match."""
    impossible: bool = False
    """Whether nothing can match: the text contains no word, or a name part has characters that no name has."""
    readers: tuple[str, ...] | None = None
    """Owners whose private artifacts are included; None for no restriction."""
    name_parts: tuple[str, ...] = ()
    """Parts of `owner/name`, in lower case, that must all match."""
    required_tags: tuple[tuple[str, ...], ...] = ()
    """Groups of index words for tags, type, gating and size; an artifact must have one word of each group."""
    parameters: tuple[int, int] | None = None
    alternatives: tuple[tuple[str, ...], ...] = ()
    """Groups of index words and prefixes of words; one of each group must match."""
    told_by_bits: frozenset[str] = frozenset()
    """The `columns` of which the bits of facets tell whether an artifact matches, so that its row is not read."""
    among: tuple[int, ...] | None = None
    """The ids of all that match except for `words`, if they were listed: then rows are compared with these and `words` alone."""

    @property
    def prefixes(self) -> list[str]:
        """Prefixes, for each of which an artifact must have a word that starts with it."""
        return [*self.words, *dict.fromkeys(word for part in self.name_parts for word in name_part_prefix(part))]

    @property
    def word_groups(self) -> list[list[str]]:
        """`facets`, and the trigrams of the name parts."""
        words = dict.fromkeys(word for part in self.name_parts for word in name_part_words(part))
        return [*self.facets, *([word] for word in words)]

    @property
    def facets(self) -> list[list[str]]:
        """Groups of index words; an artifact must have one word of each group."""
        groups = [*map(facet_group, self.columns.items())]
        groups += [[facet_word("base", name) for name in self.bases]] if self.bases else []
        groups += [[facet_word("language", tag) for tag in self.tags]] if self.tags else []
        return groups + self.other_facets

    @property
    def facets_with_bits(self) -> list[list[str]]:
        """Those groups of `facets` of which each word has bits; see `hub.registry.index.facet_bits`."""
        return [group for group in self.facets if all(bits_in([word]) for word in group)]

    @property
    def other_facets(self) -> list[list[str]]:
        """`facets`, without those of columns, bases and languages."""
        return [list(group) for group in (*self.required_tags, *self.alternatives)]

    @property
    def matches_all(self) -> bool:
        """Whether every artifact matches."""
        return not (self.facets or self.words or self.name_parts or self.impossible)

    @property
    def tag_values(self) -> dict[str, str]:
        """The languages as SQL parameters."""
        return {f"tag_{number}": tag for number, tag in enumerate(self.tags)}

    @property
    def rank_for_languages(self) -> str:
        """SQL for an artifact's rank among readers of the languages: its best score; scores in other languages rank far lower."""
        names = ", ".join(f":{name}" for name in self.tag_values)
        own = f"ranking + CASE WHEN language IN ({names}) THEN 0 ELSE {FOREIGN_LANGUAGE} END"
        best = f"SELECT min({own}) FROM scores WHERE artifact_id = artifacts.id AND ranking < {UNMEASURED}"
        return f"coalesce(({best}), {UNMEASURED})"


def facet_group(facet: tuple[str, tuple[str, ...]]) -> list[str]:
    """Return the index words of the values of a facet."""
    return list(dict.fromkeys(facet_word(facet[0], value) for value in facet[1]))
