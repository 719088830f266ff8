"""Scans of files that can run code: pickles, archives and programs. Malicious ones are not served.

Scanning cannot prove a file safe; see docs/publish/trust.md.
"""

# ruff: noqa: S608 - only conditions with bound parameters are put into SQL here.
from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hub.errors import BlockedFile, UnknownFile
from hub.names import ArtifactName, Digest
from hub.registry.accounts.audit import log_action
from hub.registry.database.clock import from_column
from hub.registry.outbox.queue import enqueue

if TYPE_CHECKING:
    from hub.records import File
    from hub.registry.accounts.permissions import Actor
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
    allowed_by: str = ""
    """The administrator who allows downloads although the file is malicious; empty if no administrator does."""

    @property
    def is_blocked(self) -> bool:
        """Whether the file is not served."""
        return _is_blocked(self.verdict, self.allowed_by)

    @property
    def words(self) -> str:
        """The verdict as text. No scanner can prove that a file is safe."""
        if self.verdict == MALICIOUS:
            return f"malicious, allowed by {self.allowed_by}" if self.allowed_by else "malicious, not served"
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


def require_harmless(database: Database, file: File) -> None:
    """Raise BlockedFile for a file that an administrator has blocked, or that scanners found malicious and none has allowed."""
    rows = database.rows(
        "SELECT reason, verdict, allowed_by FROM (SELECT CAST(:digest AS TEXT) AS digest) AS asked "
        "LEFT JOIN blocked_files ON blocked_files.digest = asked.digest LEFT JOIN scans ON scans.digest = asked.digest",
        {"digest": file.digest.hex},
    )
    reason, verdict, allowed_by = rows[0]
    if reason is not None:
        raise BlockedFile(f"`{file.path}` is not served: an administrator of this server has blocked it ({reason}).")
    if _is_blocked(verdict, allowed_by):
        raise BlockedFile(
            f"`{file.path}` is not served: scanners found it malicious. Leave it out with `ignore_patterns`, or ask an administrator "
            f"for `hub admin file allow {file.digest.hex}`."
        )


def reason_for_block(database: Database, digest: Digest) -> str | None:
    """Return why an administrator has blocked a file; None if it is not blocked."""
    rows = database.rows("SELECT reason FROM blocked_files WHERE digest = :digest", {"digest": digest.hex})
    return str(rows[0]["reason"]) if rows else None


def require_no_blocked_file(database: Database, name: ArtifactName) -> None:
    """Raise BlockedFile if an administrator has blocked a file of any revision of `name`, for transfers of all files together."""
    rows = database.rows(
        "SELECT path, reason FROM blocked_files JOIN files ON files.digest = blocked_files.digest "
        "JOIN revisions ON revisions.id = revision_id JOIN artifacts ON artifacts.id = artifact_id WHERE key = :key LIMIT 1",
        {"key": name.key},
    )
    if rows:
        raise BlockedFile(
            f"`{name}` cannot be cloned: an administrator of this server has blocked `{rows[0]['path']}` ({rows[0]['reason']}). "
            f"Download the other files with `hf download {name.repository}` and `ignore_patterns`."
        )


def malicious_files(database: Database, limit: int) -> list[tuple[Scan, tuple[str, ...]]]:
    """Return up to `limit` malicious files, blocked ones first, each with up to ten artifacts that contain it, as `owner/name`."""
    rows = database.rows(
        "SELECT * FROM scans WHERE verdict = :verdict ORDER BY allowed_by <> '', scanned_at DESC, digest LIMIT :limit",
        {"verdict": MALICIOUS, "limit": limit},
    )
    holders = (
        "SELECT DISTINCT owner, artifacts.name FROM files JOIN revisions ON revisions.id = revision_id "
        "JOIN artifacts ON artifacts.id = artifact_id WHERE digest = :digest ORDER BY owner, artifacts.name LIMIT 10"
    )
    return [
        (_scan(row), tuple(f"{each[0]}/{each[1]}" for each in database.rows(holders, {"digest": row["digest"]})))
        for row in rows
    ]


def allow_file(database: Database, digest: Digest, allowed: bool, actor: Actor) -> Scan:
    """Allow or block downloads of a malicious file wherever it occurs. Raises UnknownFile if there is no scan of it."""
    from hub.registry.tables.trust import ScanRow

    with database.transaction() as session:
        row = session.get(ScanRow, digest.hex)
        if row is None:
            raise UnknownFile(digest.hex, listing="hub admin file list")
        row.allowed_by = actor.name if allowed else ""
        log_action(session, actor, "file.allow" if allowed else "file.block", digest.hex, name=row.name)
    found = find_scan(database, digest)
    assert found is not None, "it was just changed"
    return found


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


def _is_blocked(verdict: str, allowed_by: str) -> bool:
    return verdict == MALICIOUS and not allowed_by


def _scan(row: ResultRow) -> Scan:
    return Scan(
        digest=Digest(row["digest"]), name=row["name"], kind=row["kind"], verdict=row["verdict"], scanner=row["scanner"],
        report=json.loads(row["report"]), scanned_at=from_column(row["scanned_at"]), allowed_by=row["allowed_by"],
    )  # fmt: skip
