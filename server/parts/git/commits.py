"""What git calls our revisions: noted when somebody clones, so that such an id can be used wherever a revision can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.registry.database.database import Database


def note_commits(database: Database, commits: Mapping[str, str]) -> None:
    """Remember git's id → our revision's. Both are worked out of the same content, so they never change."""
    among, values = database.one_of("commit_id", list(commits), "ids")
    known = {row[0] for row in database.rows(f"SELECT commit_id FROM git_commits WHERE {among}", values)}  # noqa: S608 - a condition of ours
    if missing := commits.keys() - known:
        from server.parts.git.tables import GitCommitRow

        with database.transaction() as session:
            for commit_id in missing:
                session.merge(GitCommitRow(commit_id=commit_id, revision_id=commits[commit_id]))


def revision_of(database: Database, artifact_id: int, commit_id: str) -> str | None:
    """Our revision that git calls so; None when nobody has cloned it yet, or when it is another artifact's."""
    rows = database.rows(
        "SELECT revision_id FROM git_commits JOIN revisions ON revisions.id = revision_id "
        "WHERE commit_id = :commit AND artifact_id = :artifact",
        {"commit": commit_id, "artifact": artifact_id},
    )
    return rows[0][0] if rows else None
