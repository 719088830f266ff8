"""Find the current revision of a branch: the newest one that is not yanked."""

# ruff: noqa: S608 - only whole numbers are put into SQL here.
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.registry.database.database import Database


def current_revisions(database: Database, ids: Sequence[int], ref: str = "main") -> dict[int, str]:
    """Map artifact ids to the newest revision of a branch or alias that is not yanked, if there is one."""
    if not ids:
        return {}
    rows = database.rows(
        "WITH RECURSIVE history (artifact_id, id, parent, yanked) AS ("
        "SELECT refs.artifact_id, revisions.id, parent, yanked FROM refs JOIN revisions ON revisions.id = revision_id "
        f"WHERE refs.name = :ref AND refs.kind <> 'tag' AND refs.artifact_id IN ({', '.join(map(str, map(int, ids)))}) "
        "UNION SELECT history.artifact_id, revisions.id, revisions.parent, revisions.yanked "
        "FROM history JOIN revisions ON revisions.id = history.parent WHERE history.yanked) "
        "SELECT artifact_id, id FROM history WHERE NOT yanked",
        {"ref": ref},
    )
    return {row["artifact_id"]: row["id"] for row in rows}
