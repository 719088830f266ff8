"""The tables of reports, and of what administrators have hidden or blocked. Imported only for writing and for creating the schema."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class ReportRow(Table):
    """A report of an account about an artifact."""

    __tablename__ = "reports"
    __table_args__ = (
        CheckConstraint("state in ('open', 'resolved', 'dismissed')", name="reports_have_a_state"),
        Index("reports_by_state", "state", "id"),
        Index("reports_by_artifact", "artifact_id"),
        Index("reports_by_account", "account_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"))
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    reason: Mapped[str]
    """`malware`, `licence`, `scores`, `abuse` or `other`."""
    text: Mapped[str]
    state: Mapped[str]
    at: Mapped[datetime]
    answer: Mapped[str]
    answered_by: Mapped[str]
    """The administrator who has closed it; empty while it is open."""
    answered_at: Mapped[datetime | None]


class HiddenArtifactRow(Table):
    """An artifact that an administrator has hidden: it is private, and its owner cannot change that."""

    __tablename__ = "hidden_artifacts"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    reason: Mapped[str]
    hidden_by: Mapped[str]
    at: Mapped[datetime]
    was_private: Mapped[bool]
    """Whether it was private before, and stays so when it is shown again."""


class BlockedFileRow(Table):
    """A blob that an administrator has blocked: it is not served, whatever contains it."""

    __tablename__ = "blocked_files"

    digest: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    """Path of the file in the artifact in which it was blocked."""
    reason: Mapped[str]
    blocked_by: Mapped[str]
    at: Mapped[datetime]
