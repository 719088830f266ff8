"""The tables of webhooks. Only imported to write rows and create tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class WebhookRow(Table):
    """A URL that is notified of changes to artifacts."""

    __tablename__ = "webhooks"
    __table_args__ = (Index("webhooks_by_account", "account_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """24 random hex digits."""
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    url: Mapped[str]
    secret: Mapped[str]
    """In plain text, because it signs deliveries. See docs/publish/webhooks.md."""
    domains: Mapped[list[Any]]
    disabled: Mapped[bool]
    origin: Mapped[str]
    """Base URL of the server for the links in deliveries."""
    created_at: Mapped[datetime]


class WatchRow(Table):
    """An owner or repository that a webhook watches."""

    __tablename__ = "webhook_watches"
    __table_args__ = (Index("watches_by_key", "key"),)

    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    """`model`, `dataset`, `user`, `org` or `everything`."""
    key: Mapped[str] = mapped_column(primary_key=True)
    """`owner/name` or `owner` in lower case; `*` for everything."""
    name: Mapped[str]


class DeliveryRow(Table):
    """One event for one webhook, sent or waiting."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("deliveries_by_webhook", "webhook_id", "created_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    scope: Mapped[str]
    action: Mapped[str]
    body: Mapped[str]
    """The same for every attempt."""
    attempts: Mapped[int]
    status: Mapped[int | None]
    """HTTP status of the last response; None without one."""
    error: Mapped[str]
    duration_ms: Mapped[int | None]
    created_at: Mapped[datetime]
    tried_at: Mapped[datetime | None]
