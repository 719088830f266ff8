"""Git's commit ids of revisions, saved when a repository is cloned, so that they are accepted wherever a revision is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.registry.database.database import Database


def note_commits(database: Database, commits: Mapping[str, str]) -> None:
    """Save a mapping of git commit ids to revision ids. Both are derived from the content, so they never change."""
    among, values = database.in_list("commit_id", list(commits), "ids")
    known = {row[0] for row in database.rows(f"SELECT commit_id FROM git_commits WHERE {among}", values)}  # noqa: S608 - only placeholders
    if missing := commits.keys() - known:
        from server.parts.git.tables import GitCommitRow

        with database.transaction() as session:
            for commit_id in missing:
                session.merge(GitCommitRow(commit_id=commit_id, revision_id=commits[commit_id]))


def revision_of(database: Database, artifact_id: int, commit_id: str) -> str | None:
    """Return the artifact's revision with this git commit id; None if it was never cloned or belongs to another artifact."""
    rows = database.rows(
        "SELECT revision_id FROM git_commits JOIN revisions ON revisions.id = revision_id "
        "WHERE commit_id = :commit AND artifact_id = :artifact",
        {"commit": commit_id, "artifact": artifact_id},
    )
    return rows[0][0] if rows else None
