"""The tables of scans, signatures and other names of blobs. Imported only for writing and for creating the schema."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class ScanRow(Table):
    """A blob that can run code, and the results of the scanners."""

    __tablename__ = "scans"
    __table_args__ = (Index("scans_by_scanner", "scanner"), Index("scans_by_verdict", "verdict"))

    digest: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    """Name of the file when it was first committed, because scanners also use the suffix."""
    kind: Mapped[str]
    """`pickle`, `archive` or `program`."""
    verdict: Mapped[str]
    """`unscanned`, `clean`, `suspicious`, `malicious`, `inconclusive`."""
    scanner: Mapped[str]
    """Names and versions; empty before the first scan."""
    report: Mapped[dict[str, Any]]
    scanned_at: Mapped[datetime | None]
    allowed_by: Mapped[str] = mapped_column(default="", server_default="")
    """The administrator who allows downloads although the file is malicious; empty if no administrator does."""


class SignatureRow(Table):
    """The result of verifying the signature of a revision when it was published."""

    __tablename__ = "signatures"

    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True)
    verified: Mapped[bool]
    method: Mapped[str]
    """`key`, `certificate` or `sigstore`."""
    signer: Mapped[str]
    """Name of the key, subject of the certificate, or identity."""
    account: Mapped[str]
    """The account that registered the key; empty if none has."""
    fingerprint: Mapped[str]
    reason: Mapped[str]
    """Why verification failed; empty if it succeeded."""


class BlobIdRow(Table):
    """The id of a blob in another system."""

    __tablename__ = "blob_ids"

    digest: Mapped[str] = mapped_column(primary_key=True)
    system: Mapped[str] = mapped_column(primary_key=True)
    """`git` or `xet`."""
    id: Mapped[str]
