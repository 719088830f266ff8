"""The table of git commit ids. Only imported to write rows and create tables."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class GitCommitRow(Table):
    """The git commit id of a revision, known once the repository was cloned."""

    __tablename__ = "git_commits"

    commit_id: Mapped[str] = mapped_column(primary_key=True)
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"))
