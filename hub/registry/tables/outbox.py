"""The table of the outbox. Imported only for writing and for creating the schema."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class OutboxRow(Table):
    """A job that runs after the transaction that enqueued it, with retries."""

    __tablename__ = "outbox"
    __table_args__ = (Index("outbox_by_subject", "task", "subject", "id"), Index("outbox_by_time", "task", "due_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[str]
    """`write-reference`, `deliver-webhook` …"""
    subject: Mapped[str]
    """`owner/name` or a digest."""
    created_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime]
    """When to run or retry it."""
    claimed_until: Mapped[datetime | None]
    """End of the current claim."""
    error: Mapped[str] = mapped_column(default="", server_default="")
    """Why the last attempt failed."""
    given_up_at: Mapped[datetime | None]
