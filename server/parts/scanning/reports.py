"""What scanners report of a blob, and which blobs newer scanners must look at again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.names import Digest
from hub.registry.artifacts.scans import SCAN
from hub.registry.database.clock import utc_now
from hub.registry.outbox.queue import owe

if TYPE_CHECKING:
    from hub.registry.database.database import Database


def save_report(database: Database, digest: Digest, verdict: str, scanner: str, report: dict[str, Any]) -> None:
    """Write down what the scanners found."""
    from hub.registry.tables.trust import ScanRow

    with database.transaction() as session:
        row = session.get(ScanRow, digest.hex)
        if row is not None:
            row.verdict, row.scanner, row.report, row.scanned_at = verdict, scanner, report, utc_now()


def rescan_outdated(database: Database, scanner: str) -> int:
    """Let everything be scanned again that another version of the scanners has looked at; how many that are."""
    from sqlalchemy import select

    from hub.registry.tables.outbox import OutboxRow
    from hub.registry.tables.trust import ScanRow

    values = {"scanner": scanner}
    if not database.rows("SELECT 1 FROM scans WHERE scanner <> '' AND scanner <> :scanner LIMIT 1", values):
        return 0
    with database.transaction() as session:
        owed = select(OutboxRow.subject).where(OutboxRow.task == SCAN)
        old = select(ScanRow.digest).where(ScanRow.scanner.not_in(("", scanner)), ScanRow.digest.not_in(owed))
        digests = session.scalars(old).all()
        for digest in digests:
            owe(session, SCAN, digest)
    return len(digests)
