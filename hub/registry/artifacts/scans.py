"""What scanners say of blobs that can run code: a pickle, an archive, a program. A tripwire, no boundary: see docs/publish/trust.md."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.names import Digest
from hub.registry.database.clock import from_column
from hub.registry.outbox.queue import enqueue

if TYPE_CHECKING:
    from hub.records import File
    from hub.registry.database.database import Database, ResultRow

SCAN = "scan-file"
UNSCANNED, CLEAN, SUSPICIOUS, MALICIOUS, INCONCLUSIVE = "unscanned", "clean", "suspicious", "malicious", "inconclusive"
_WORST_FIRST = (MALICIOUS, SUSPICIOUS, INCONCLUSIVE, UNSCANNED, CLEAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """A blob that can run code, and what the scanners found in it."""

    digest: Digest
    name: str
    kind: str
    """`pickle`, `archive` or `program`."""
    verdict: str
    scanner: str
    """Names and versions; empty before the first scan."""
    report: dict[str, Any]
    """Scanner → what it found."""
    scanned_at: datetime | None

    @property
    def words(self) -> str:
        """The verdict for people. No scanner can say that a file is harmless."""
        return {UNSCANNED: "not scanned yet", CLEAN: "nothing found"}.get(self.verdict, self.verdict)

    @property
    def evidence(self) -> tuple[str, ...]:
        """What was found, line by line."""
        lines = []
        for scanner, found in self.report.items():
            imports = [f"{each['module']}.{each['name']} ({each['safety']})" for each in found.get("imports", ())]
            said = [*imports, *found.get("findings", ()), *filter(None, [found.get("reason", "")])]
            lines.append(
                f"{scanner} {found.get('version', '')}: {'; '.join(said) or found.get('verdict', 'no answer')}"
            )
        return tuple(lines)


def flag(database: Database, found: Iterable[tuple[File, str]]) -> None:
    """Remember that these files can run code, and of which kind they are, and let them be scanned; once for each blob."""
    from hub.registry.tables.trust import ScanRow

    with database.transaction() as session:
        for file, kind in found:
            if session.get(ScanRow, file.digest.hex) is None:
                row = ScanRow(
                    digest=file.digest.hex, name=file.path.rpartition("/")[2], kind=kind, verdict=UNSCANNED, scanner="", report={},
                    scanned_at=None,
                )  # fmt: skip
                session.add(row)
                session.flush()
                enqueue(session, SCAN, file.digest.hex)


def find_scan(database: Database, digest: Digest) -> Scan | None:
    """What is known of a blob; None for one that cannot run code, as far as anybody has looked."""
    rows = database.rows("SELECT * FROM scans WHERE digest = :digest", {"digest": digest.hex})
    return _scan(rows[0]) if rows else None


def scans_in(database: Database, revision_id: str) -> dict[str, Scan]:
    """Path → scan, for the files of a revision that can run code, by path."""
    rows = database.rows(
        "SELECT files.path, scans.* FROM files JOIN scans ON scans.digest = files.digest WHERE revision_id = :id ORDER BY path",
        {"id": revision_id},
    )
    return {row["path"]: _scan(row) for row in rows}


def worst(scans: Iterable[Scan]) -> str:
    """The worst verdict of several; empty for none."""
    return min((each.verdict for each in scans), key=_WORST_FIRST.index, default="")


def worst_words(scans: Iterable[Scan]) -> str:
    """The same for people."""
    listed = sorted(scans, key=lambda each: _WORST_FIRST.index(each.verdict))
    return listed[0].words if listed else ""


def _scan(row: ResultRow) -> Scan:
    return Scan(
        digest=Digest(row["digest"]), name=row["name"], kind=row["kind"], verdict=row["verdict"], scanner=row["scanner"],
        report=json.loads(row["report"]), scanned_at=from_column(row["scanned_at"]),
    )  # fmt: skip
