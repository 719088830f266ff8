"""The table of git's names for revisions. Imported for writing and creating only."""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class GitCommitRow(Table):
    """What git calls a revision; known once somebody has cloned it."""

    __tablename__ = "git_commits"

    commit_id: Mapped[str] = mapped_column(primary_key=True)
    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"))
