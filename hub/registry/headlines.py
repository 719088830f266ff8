"""The one score that a line of a table shows, for a page of artifacts at once: a multilingual module has a thousand."""

# ruff: noqa: S608 - only bound parameters and whole numbers are put into SQL here.
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hub.registry.rows import read_score
from hub.registry.standing import UNMEASURED

if TYPE_CHECKING:
    from hub.records import Score
    from hub.registry.database import Database


def measured_headlines(database: Database, ids: Sequence[int], language: str) -> dict[int, Score]:
    """Artifact's id → what `standing.headline` chooses, of those that were measured: in `language` before all others.

    The rank of a language is no matter of degree: `standing.FOREIGN_LANGUAGE` lies beyond every difference of standing.
    """
    found: dict[int, Score] = {}
    for narrowed in ("AND best.language = :language", "") if language else ("",):
        missing = [each for each in ids if each not in found]
        if not missing:
            break
        rows = database.rows(
            "SELECT scores.* FROM artifacts JOIN scores ON scores.artifact_id = artifacts.id AND scores.position = ("
            "SELECT best.position FROM scores AS best WHERE best.artifact_id = artifacts.id "
            f"AND best.standing < {UNMEASURED} {narrowed} ORDER BY best.standing, best.position LIMIT 1) "
            f"WHERE artifacts.id IN ({', '.join(map(str, map(int, missing)))})",
            {"language": language} if narrowed else {},
        )
        found |= {row["artifact_id"]: read_score(row) for row in rows}
    return found
