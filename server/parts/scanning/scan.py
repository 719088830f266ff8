"""The outbox's task `scan-file`: let both scanners look at a blob, in a process with limits, and keep what they say."""

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
from hub.registry.outbox.queue import Debt
from hub.registry.outbox.worker import GiveUp, Task
from hub.store import BlobStore
from server.parts.scanning.reports import save_report

_PROGRAM = Path(__file__).with_name("child.py")
_PACKAGES = ("picklescan", "modelaudit-picklescan")
TIMEOUT_S = 180.0
"""Most time for one file, by the clock; the program limits its processor time and memory itself."""


def scanners() -> str:
    """Names and versions, as they are kept with every report: another text means that everything is scanned again."""
    return ", ".join(f"{package} {version(package)}" for package in _PACKAGES)


def scan_task(hub: LocalHub) -> Task:
    """Scans one blob. Twice gives the same report."""

    def scan(debt: Debt) -> None:
        flagged = find_scan(hub.registry.database, Digest(debt.subject))
        if flagged is not None and flagged.scanner != (by := scanners()):
            try:
                verdict, report = scan_blob(hub.store, flagged)
            except UnknownFile as error:
                raise GiveUp(str(error)) from error
            save_report(hub.registry.database, flagged.digest, verdict, by, report)

    return Task(SCAN, scan, lease_s=2 * TIMEOUT_S, gathers=True, most_attempts=5)


def scan_blob(store: BlobStore, flagged: Scan) -> tuple[str, dict[str, Any]]:
    """The verdict of both scanners together, and what each says. Raises UnknownFile when the bytes are gone."""
    with _on_disk(store, flagged.digest) as path, tempfile.TemporaryDirectory() as folder:
        try:
            # No variable of ours goes along, and -I lets neither folder nor variables add code to it.
            done = subprocess.run(
                [sys.executable, "-I", str(_PROGRAM), str(path), flagged.name],
                cwd=folder, env={}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return INCONCLUSIVE, {
                "scanners": {"verdict": INCONCLUSIVE, "reason": f"took longer than {TIMEOUT_S:.0f} s"}
            }
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        # Out of memory or of processor time: something in the file makes scanners work too hard.
        return INCONCLUSIVE, {
            "scanners": {"verdict": INCONCLUSIVE, "reason": f"ended without an answer ({done.returncode})"}
        }
    return worst_verdict(flagged.kind, [each["verdict"] for each in report.values()]), report


def worst_verdict(kind: str, verdicts: list[str]) -> str:
    """One verdict of several: the worst. Clean needs that every scanner has read the whole of it, and that it is no program."""
    for bad in (MALICIOUS, SUSPICIOUS):
        if bad in verdicts:
            return bad
    return CLEAN if kind != "program" and all(each == CLEAN for each in verdicts) else INCONCLUSIVE


@contextmanager
def _on_disk(store: BlobStore, digest: Digest) -> Iterator[Path]:
    """A local file with the bytes; a copy when the store is elsewhere."""
    known = store.path(digest)
    if known is not None:
        yield known
        return
    with store.open(digest) as source, tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(source, copy)
        copy.flush()
        yield Path(copy.name)
