"""Decide which scores may be ranked together, and find the rankings that a metric has.

Two values are only compared if all of these are equal: metric (with its judge), benchmark and digest, split,
unit, direction, provenance and *setting* (`hub.scores.setting`). The setting is stored with each score, so that a ranking is one
range of an index, in the order of the values.
"""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import TYPE_CHECKING, Any

from hub.registry.accounts.visibility import visibility_condition

if TYPE_CHECKING:
    from hub.registry.database.database import Database

MAX_RANKINGS = 200
"""Maximum number of rankings of a metric that are looked at."""
COUNTED = 1000
"""Scores of a ranking that are counted to find the largest one."""
JOINED = "JOIN artifacts ON artifacts.id = scores.artifact_id"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Ranking:
    """The properties that scores of a metric and a provenance must share to be ranked together."""

    benchmark: str
    benchmark_digest: str
    split: str
    unit: str
    better: str
    """`up` or `down`."""
    setting: str
    """`n 32–319`, `n 128`, or the machine; empty if the sample size is unknown."""

    @property
    def condition(self) -> str:
        """SQL condition on a row of `scores`, for the parameters in `values`."""
        return " AND ".join(f"scores.{name} = :ranking_{name}" for name in COLUMNS)

    @property
    def values(self) -> dict[str, str]:
        """The parameters of `condition`."""
        return {f"ranking_{name}": getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(each.name for each in fields(Ranking))
"""In the order of the index `scores_by_ranking_and_value`."""


def rankings(
    database: Database,
    metric: str,
    provenance: str,
    *,
    benchmark: str = "",
    split: str = "",
    digest: str = "",
    languages: Sequence[str] = (),
    readers: tuple[str, ...] | None = None,
) -> list[Ranking]:
    """Return the rankings of a metric with scores in one of `languages` that `readers` may see, the largest first.

    Empty arguments do not filter; see `distinct_rankings`.
    """
    found = distinct_rankings(database, metric, provenance, benchmark=benchmark, split=split, digest=digest)
    values: dict[str, Any] = {"metric": metric, "provenance": str(provenance)}
    joined, more = "", ""
    if readers is not None:
        condition, more_values = visibility_condition(readers)
        joined, more = JOINED, f"AND (NOT private OR {condition})"
        values |= more_values
    if languages:
        names = {f"language_{number}": tag for number, tag in enumerate(languages)}
        more += f" AND language IN ({', '.join(f':{name}' for name in names)})"
        values |= names
    counted = (
        f"SELECT 1 FROM scores {joined} WHERE scores.metric = :metric AND scores.provenance = :provenance {more} AND"
    )
    counts = {
        each: int(
            database.rows(
                f"SELECT count(*) FROM ({counted} {each.condition} LIMIT {COUNTED}) AS counted",
                {**values, **each.values},
            )[0][0]
        )
        for each in found
    }
    return sorted((each for each, count in counts.items() if count), key=lambda each: (-counts[each], each))


def distinct_rankings(
    database: Database, metric: str, provenance: str, *, benchmark: str = "", split: str = "", digest: str = ""
) -> list[Ranking]:
    """Return the rankings of a metric, private ones included; at most MAX_RANKINGS are looked at. Empty arguments do not filter.

    `digest`: first digits of a benchmark's digest.
    """
    known = {"metric": metric, "provenance": str(provenance)} | ({"benchmark": benchmark} if benchmark else {})
    found = islice(_distinct(database, known), MAX_RANKINGS)
    return [each for each in found if split in {"", each.split} and each.benchmark_digest.startswith(digest)]


def _distinct(database: Database, known: dict[str, str]) -> Iterator[Ranking]:
    """Yield the distinct rankings with the `known` values, in order.

    The index is read from each distinct one to the next: there are few, whatever the number of scores.
    """
    others = [each for each in COLUMNS if each not in known]
    listed = ", ".join(others)
    question = f"SELECT {listed} FROM scores WHERE {' AND '.join(f'{name} = :{name}' for name in known)}"
    # The next column of the index is `value`: SQLite would read all scores of the last ranking, if this did not lead beyond them.
    after = f"AND ({listed}, value) > ({', '.join(f':last_{each}' for each in others)}, :last_value)"
    rows = database.rows(f"{question} ORDER BY {listed} LIMIT 1", known)
    while rows:
        last = dict(zip(others, rows[0], strict=True))
        yield Ranking(**{each: {**known, **last}[each] for each in COLUMNS})
        values = {f"last_{name}": value for name, value in last.items()}
        rows = database.rows(
            f"{question} {after} ORDER BY {listed} LIMIT 1", {**known, **values, "last_value": math.inf}
        )
