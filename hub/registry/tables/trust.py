"""The tables of what scanners and signatures say. Imported for writing and creating only, as `table`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from hub.registry.tables.base import Table


class ScanRow(Table):
    """A blob that can run code, and what the scanners found in it."""

    __tablename__ = "scans"
    __table_args__ = (Index("scans_by_scanner", "scanner"),)

    digest: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    """Of the file when it was first committed: scanners go by suffixes, too."""
    kind: Mapped[str]
    """`pickle`, `archive` or `program`."""
    verdict: Mapped[str]
    """`unscanned`, `clean`, `suspicious`, `malicious`, `inconclusive`."""
    scanner: Mapped[str]
    """Names and versions; empty before the first scan."""
    report: Mapped[dict[str, Any]]
    scanned_at: Mapped[datetime | None]


class SignatureRow(Table):
    """What was found out about the signature in a revision when it was made."""

    __tablename__ = "signatures"

    revision_id: Mapped[str] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True)
    verified: Mapped[bool]
    method: Mapped[str]
    """`key`, `certificate` or `sigstore`."""
    signer: Mapped[str]
    """Name of the key, subject of the certificate, or identity."""
    account: Mapped[str]
    """Who has registered the key; empty for nobody."""
    fingerprint: Mapped[str]
    reason: Mapped[str]
    """Why it could not be verified; empty when it was."""
