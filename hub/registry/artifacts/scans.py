"""Scans of files that can run code: pickles, archives and programs. Scanning cannot prove a file safe; see docs/publish/trust.md."""

# ruff: noqa: S608 - only conditions with bound parameters are put into SQL here.
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
    """A blob that can run code, and the results of the scanners."""

    digest: Digest
    name: str
    kind: str
    """`pickle`, `archive` or `program`."""
    verdict: str
    scanner: str
    """Names and versions; empty before the first scan."""
    report: dict[str, Any]
    """Scanner → its findings."""
    scanned_at: datetime | None

    @property
    def words(self) -> str:
        """The verdict as text. No scanner can prove that a file is safe."""
        return {UNSCANNED: "not scanned yet", CLEAN: "nothing found"}.get(self.verdict, self.verdict)

    @property
    def evidence(self) -> tuple[str, ...]:
        """The findings, one line per scanner."""
        lines = []
        for scanner, found in self.report.items():
            imports = [f"{each['module']}.{each['name']} ({each['safety']})" for each in found.get("imports", ())]
            findings = [*imports, *found.get("findings", ()), *filter(None, [found.get("reason", "")])]
            lines.append(
                f"{scanner} {found.get('version', '')}: {'; '.join(findings) or found.get('verdict', 'no answer')}"
            )
        return tuple(lines)


def mark_unsafe_files(database: Database, found: Iterable[tuple[File, str]]) -> None:
    """Record files that can run code, with their kind, and enqueue a scan for each new blob."""
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
    """Return the scan of a blob; None if it is not known to be able to run code."""
    rows = database.rows("SELECT * FROM scans WHERE digest = :digest", {"digest": digest.hex})
    return _scan(rows[0]) if rows else None


def scans_in(database: Database, revision_id: str) -> dict[str, Scan]:
    """Map the files of a revision that can run code to their scans, sorted by path."""
    rows = database.rows(
        "SELECT files.path, scans.* FROM files JOIN scans ON scans.digest = files.digest WHERE revision_id = :id ORDER BY path",
        {"id": revision_id},
    )
    return {row["path"]: _scan(row) for row in rows}


def scans_of(database: Database, files: Iterable[File]) -> dict[str, Scan]:
    """Map those of `files` that can run code to their scans, by path."""
    listed = list(files)
    among, values = database.in_list("digest", sorted({each.digest.hex for each in listed}), "digests")
    known = {row["digest"]: _scan(row) for row in database.rows(f"SELECT * FROM scans WHERE {among}", values)}
    return {each.path: known[each.digest.hex] for each in listed if each.digest.hex in known}


def worst_verdict(scans: Iterable[Scan]) -> str:
    """Return the worst verdict; empty without scans."""
    return min((each.verdict for each in scans), key=_WORST_FIRST.index, default="")


def worst_verdict_text(scans: Iterable[Scan]) -> str:
    """Return the worst verdict as text; empty without scans."""
    listed = sorted(scans, key=lambda each: _WORST_FIRST.index(each.verdict))
    return listed[0].words if listed else ""


def _scan(row: ResultRow) -> Scan:
    return Scan(
        digest=Digest(row["digest"]), name=row["name"], kind=row["kind"], verdict=row["verdict"], scanner=row["scanner"],
        report=json.loads(row["report"]), scanned_at=from_column(row["scanned_at"]),
    )  # fmt: skip
