"""The tables of device logins. Only imported to write rows and create tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class RenewalRow(Table):
    """The current and the previous refresh token of a device's access token."""

    __tablename__ = "renewals"

    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    """SHA-256 of the refresh token."""
    former_sha256: Mapped[str | None] = mapped_column(unique=True)
    renewed_at: Mapped[datetime]


class DeviceRow(Table):
    """A login that a device has started."""

    __tablename__ = "devices"
    __table_args__ = (CheckConstraint("status in ('pending', 'accepted', 'denied')", name="devices_have_a_status"),)

    sha256: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the device code."""
    user_code: Mapped[str] = mapped_column(unique=True)
    """The code that the user enters. It is useless without an account."""
    client: Mapped[str]
    address: Mapped[str]
    created_at: Mapped[datetime]
    polled_at: Mapped[datetime | None]
    interval_s: Mapped[int]
    status: Mapped[str]
    role: Mapped[str]
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    """The user who authorized or denied it."""
