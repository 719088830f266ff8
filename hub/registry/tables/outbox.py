"""The table of the outbox. Imported for writing and creating only, as `table`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class OutboxRow(Table):
    """Derived work that a transaction owes; done after it, as often as needed."""

    __tablename__ = "outbox"
    __table_args__ = (Index("outbox_by_subject", "task", "subject", "id"), Index("outbox_by_time", "task", "due_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[str]
    """`write-reference`, `deliver-webhook` …"""
    subject: Mapped[str]
    """What it is about: `owner/name`, a digest."""
    created_at: Mapped[datetime]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime]
    """When to begin, or to try again."""
    claimed_until: Mapped[datetime | None]
    """When whoever works on it must have finished."""
    error: Mapped[str] = mapped_column(default="", server_default="")
    """Why the last attempt failed."""
    given_up_at: Mapped[datetime | None]
