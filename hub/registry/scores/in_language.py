"""Read the scores of several artifacts in one language."""

# ruff: noqa: S608 - only names of columns and bound parameters are put into SQL here.
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hub.records import Score
from hub.registry.scores.rows import read_score, without_repeated

if TYPE_CHECKING:
    from hub.registry.database.database import Database


def scores_in_language(database: Database, keys: Iterable[str], language: str) -> dict[str, tuple[Score, ...]]:
    """Map the keys of artifacts to their scores in `language`, without claims that this hub has reproduced.

    An index lists them by artifact and language, so the other languages of a multilingual module are not read.
    """
    among, values = database.in_list("artifacts.key", [*keys], "keys")
    rows = database.rows(
        f"SELECT artifacts.key, scores.* FROM artifacts JOIN scores ON scores.artifact_id = artifacts.id "
        f"WHERE {among} AND scores.language = :language ORDER BY artifacts.key, scores.position",
        {**values, "language": language},
    )
    found: dict[str, list[Score]] = defaultdict(list)
    for row in rows:
        found[row["key"]].append(read_score(row))
    return {key: without_repeated(scores) for key, scores in found.items()}
