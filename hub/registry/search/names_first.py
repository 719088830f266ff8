"""Find the artifacts that the whole text of a query means, which come before all that only contain its words."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hub.registry.index.tags import name_part_prefix, name_part_words
from hub.registry.search.conditions import conditions_of
from hub.registry.search.criteria import Reading, SearchCriteria

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_NAMED = 200
"""Maximum number of artifacts of a tier. Of names that begin like a thousand others, none is meant more than another."""
_MANY = 10_000
"""Number of names with a part from which on names are compared with it, and how many are at most."""
UNNAMED = 99
"""The tier of all other matches."""
_MIN_PART = 2
"""Minimum length of a text that is searched for inside of names."""
_END = "~"
"""A character after all those of names."""


def names_first(database: Database, reading: Reading, filters: SearchCriteria) -> dict[int, int]:
    """Map the ids of artifacts that the text means to their tier, 0 for the first. `filters`: the criteria besides the text.

    The tiers: artifacts of this name, or that people call so; those for the language alone that the text means; names that begin
    so; modules of the method that the text means; names that begin like another spelling; names that contain it.
    """
    tiers: dict[int, int] = {}
    is_crowded = False
    for tier, (alternatives, values) in enumerate(_conditions(database, reading)):
        parts = (f"SELECT * FROM (SELECT id FROM artifacts WHERE {each} LIMIT :limit) AS part" for each in alternatives)
        rows = database.rows(" UNION ".join(parts), {**values, "limit": MAX_NAMED + 1})
        if tier == 0 or len(rows) <= MAX_NAMED:
            for row in rows:
                tiers.setdefault(row["id"], tier)
        elif tier == 1:
            is_crowded = True  # More names contain the text than begin with it.
    if not (is_crowded or reading.alone):
        for each in _with_part(database, reading.names):
            tiers.setdefault(each, UNNAMED - 1)
    conditions, values = conditions_of(database, filters)
    if not tiers or not conditions:
        return tiers
    among, more = database.in_list("id", list(tiers), "named")
    kept = database.rows(f"SELECT id FROM artifacts WHERE {' AND '.join([among, *conditions])}", {**values, **more})
    return {row["id"]: tiers[row["id"]] for row in kept}


def _conditions(database: Database, reading: Reading) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield the SQL conditions of each tier, of which one must hold, and their parameters. Each is one range of an index."""
    column = "key" if any("/" in name for name in reading.names) else "bare_key"
    exact, values = database.in_list(column, reading.names, "names")
    same, more = database.in_list("key", reading.same, "same")
    yield (exact, same), {**values, **more}
    if reading.alone:
        others = (
            "SELECT 1 FROM artifact_languages AS other WHERE other.artifact_id = own.artifact_id AND other.position = 1"
        )
        own = f"SELECT artifact_id FROM artifact_languages AS own WHERE tag = :alone AND NOT EXISTS ({others})"
        yield (f"id IN ({own})",), {"alone": reading.alone}
        return
    begin, values = database.in_list("key", reading.begin, "begin")
    for number, name in enumerate(reading.names):
        between = f"{column} >= :low AND {column} < :high"
        limits = {"low": name, "high": name + _END}
        yield ((between, begin), {**limits, **values}) if number == 0 else ((between,), limits)
        if number == 0 and reading.method:
            yield ("method = :method",), {"method": reading.method}


def _with_part(database: Database, names: Sequence[str]) -> list[int]:
    """Return the ids of artifacts with the first of `names` inside of their name; empty if there are many."""
    if not names or len(names[0]) < _MIN_PART or "/" in names[0]:
        return []
    # `owner/name` has the same groups of three letters.
    words = [[word] for word in name_part_words(names[0])]
    prefix = name_part_prefix(names[0])
    if not database.reads_lists_on_demand and database.estimate(prefix, words, (), 0) > _MANY:
        # Nearly always, enough of the most downloaded ones have it. The text index would read all its lists.
        most = "SELECT key FROM artifacts ORDER BY downloads DESC, key LIMIT :read"
        question = f"SELECT 1 FROM ({most}) AS own WHERE key LIKE :part ESCAPE '!' LIMIT :limit"
        asked = {"part": _inside(f"/%{names[0]}"), "read": _MANY, "limit": MAX_NAMED + 1}
        if len(database.rows(question, asked)) > MAX_NAMED:
            return []
    found = database.match_ids(prefix, words, MAX_NAMED)
    if len(found) > MAX_NAMED:
        return []
    among, values = database.in_list("id", found, "inside")
    part = {"part": _inside(names[0])}
    rows = database.rows(
        f"SELECT id FROM artifacts WHERE {among} AND bare_key LIKE :part ESCAPE '!'", {**values, **part}
    )
    return [row["id"] for row in rows]


def _inside(part: str) -> str:
    """Return the pattern of texts that contain a part of a name."""
    return f"%{part.replace('_', '!_')}%"
