"""The tables of what happens to artifacts after they were published. Imported for writing and migrating only, as `tables`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables import Table


class DownloadRow(Table):
    """How often an artifact was downloaded on one day."""

    __tablename__ = "downloads"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    """`2026-11-23`, in UTC."""
    downloads: Mapped[int]


class DisputeRow(Table):
    """Somebody doubts a score, and says why."""

    __tablename__ = "disputes"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True)
    score: Mapped[str] = mapped_column(primary_key=True)
    """What `hub.registry.scores.score_id` makes of the score: it outlives a new revision with the same score."""
    account: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    at: Mapped[datetime]
