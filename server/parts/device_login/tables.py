"""The tables of device logins. Imported for writing and creating only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class RenewalRow(Table):
    """The refresh token of a token that a device has got, and the one before."""

    __tablename__ = "renewals"

    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    """Of the refresh token."""
    former_sha256: Mapped[str | None] = mapped_column(unique=True)
    renewed_at: Mapped[datetime]


class DeviceRow(Table):
    """A program waits for somebody to let it in."""

    __tablename__ = "devices"
    __table_args__ = (CheckConstraint("status in ('pending', 'accepted', 'denied')", name="devices_have_a_status"),)

    sha256: Mapped[str] = mapped_column(primary_key=True)
    """Of the code that the program keeps."""
    user_code: Mapped[str] = mapped_column(unique=True)
    """What a person types. It lets nobody in who is not logged in."""
    client: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[datetime]
    polled_at: Mapped[datetime | None]
    interval_s: Mapped[int]
    status: Mapped[str]
    role: Mapped[str]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    """Who has answered."""
