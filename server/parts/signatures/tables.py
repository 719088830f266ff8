"""The table of signing keys. Imported for writing and creating only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class SigningKeyRow(Table):
    """A public key or a certificate that an account signs with."""

    __tablename__ = "signing_keys"
    __table_args__ = (UniqueConstraint("account_id", "fingerprint"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str]
    kind: Mapped[str]
    """`key`, or `certificate`: one that others lead back to."""
    fingerprint: Mapped[str]
    """SHA-256 of the key as PEM, as signatures name it; of a certificate, of its DER."""
    pem: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
