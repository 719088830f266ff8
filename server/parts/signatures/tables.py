"""The table of signing keys. Only imported to write rows and create tables."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class SigningKeyRow(Table):
    """A public key or certificate of an account."""

    __tablename__ = "signing_keys"
    __table_args__ = (UniqueConstraint("account_id", "fingerprint"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str]
    kind: Mapped[str]
    """`key` or `certificate`: a root of certificate chains."""
    fingerprint: Mapped[str]
    """SHA-256 of the PEM of a key, as in signatures, or of the DER of a certificate."""
    pem: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
