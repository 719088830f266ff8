"""The outbox task `scan-file`: scan a blob in a process with limits, and save the report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hub.errors import UnknownFile
from hub.local import LocalHub
from hub.names import Digest
from hub.registry.artifacts.scans import CLEAN, INCONCLUSIVE, MALICIOUS, SCAN, SUSPICIOUS, Scan, find_scan
from hub.registry.database.clock import utc_now
from hub.registry.database.database import Database
from hub.registry.outbox.queue import Job, enqueue
from hub.registry.outbox.worker import PermanentFailure, Task
from hub.store import BlobStore

_PROGRAM = Path(__file__).with_name("scanner_process.py")
_PACKAGES = ("picklescan", "modelaudit-picklescan")
_ARCHIVES = "archives 2"
"""Version of the reader of archives in scanner_process.py; another one lets everything be scanned again."""
TIMEOUT_S = 180.0
"""Wall-clock limit for one file; the program limits its own CPU time and memory."""


def scanners() -> str:
    """Return names and versions of the scanners, as saved with every report. When they change, files are scanned again."""
    return ", ".join([*(f"{package} {version(package)}" for package in _PACKAGES), _ARCHIVES])


def scan_task(hub: LocalHub) -> Task:
    """Return the task that scans one blob. It is idempotent."""

    def scan(job: Job) -> None:
        flagged = find_scan(hub.registry.database, Digest(job.subject))
        if flagged is not None and flagged.scanner != (current := scanners()):
            try:
                verdict, report = scan_blob(hub.store, flagged)
            except UnknownFile as error:
                raise PermanentFailure(str(error)) from error
            save_report(hub.registry.database, flagged.digest, verdict, current, report)

    return Task(SCAN, scan, lease_s=2 * TIMEOUT_S, coalesces=True, max_attempts=5)


def scan_blob(store: BlobStore, flagged: Scan) -> tuple[str, dict[str, Any]]:
    """Return the combined verdict and the report of each scanner. Raises UnknownFile when the blob is missing."""
    with _on_disk(store, flagged.digest) as path, tempfile.TemporaryDirectory() as folder:
        try:
            # An empty environment leaks no secrets; with -I neither the folder nor variables can add code.
            done = subprocess.run(
                [sys.executable, "-I", str(_PROGRAM), str(path), flagged.name],
                cwd=folder, env={}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return _inconclusive(f"took longer than {TIMEOUT_S:.0f} s")
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        # Out of memory or CPU time: the file is built to exhaust scanners.
        return _inconclusive(f"the scanners ended without a report (exit code {done.returncode})")
    return worst_verdict(flagged.kind, [each["verdict"] for each in report.values()]), report


def _inconclusive(reason: str) -> tuple[str, dict[str, Any]]:
    return INCONCLUSIVE, {"scanners": {"verdict": INCONCLUSIVE, "reason": reason}}


def worst_verdict(kind: str, verdicts: list[str]) -> str:
    """Return the worst verdict. A file is clean only if every scanner read all of it and it is not a program."""
    for bad in (MALICIOUS, SUSPICIOUS):
        if bad in verdicts:
            return bad
    return CLEAN if kind != "program" and all(each == CLEAN for each in verdicts) else INCONCLUSIVE


def save_report(database: Database, digest: Digest, verdict: str, scanner: str, report: dict[str, Any]) -> None:
    """Save the report of a scan."""
    from hub.registry.tables.trust import ScanRow

    with database.transaction() as session:
        row = session.get(ScanRow, digest.hex)
        if row is not None:
            row.verdict, row.scanner, row.report, row.scanned_at = verdict, scanner, report, utc_now()


def rescan_outdated(database: Database, scanner: str) -> int:
    """Enqueue all blobs last scanned by other versions of the scanners. Returns how many."""
    values = {"scanner": scanner}
    if not database.rows("SELECT 1 FROM scans WHERE scanner <> '' AND scanner <> :scanner LIMIT 1", values):
        return 0
    from sqlalchemy import select  # Only now: every server process asks when it starts.

    from hub.registry.tables.outbox import OutboxRow
    from hub.registry.tables.trust import ScanRow

    with database.transaction() as session:
        queued = select(OutboxRow.subject).where(OutboxRow.task == SCAN)
        old = select(ScanRow.digest).where(ScanRow.scanner.not_in(("", scanner)), ScanRow.digest.not_in(queued))
        digests = session.scalars(old).all()
        for digest in digests:
            enqueue(session, SCAN, digest)
    return len(digests)


@contextmanager
def _on_disk(store: BlobStore, digest: Digest) -> Iterator[Path]:
    """Yield a local file with the blob; a temporary copy if the store is remote."""
    known = store.path(digest)
    if known is not None:
        yield known
        return
    with store.open(digest) as source, tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        yield Path(copy.name)
