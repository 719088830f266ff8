"""Format scan results as the Hugging Face Hub does. See docs/publish/trust.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.registry.artifacts.scans import CLEAN, INCONCLUSIVE, MALICIOUS, SUSPICIOUS, UNSCANNED, Scan

_STATUSES = {
    MALICIOUS: "unsafe",
    SUSPICIOUS: "suspicious",
    INCONCLUSIVE: "caution",
    CLEAN: "caution",
    UNSCANNED: "unscanned",
}
"""Scanning cannot prove that a pickle is `safe`, so no scanned file gets that status."""
HARMLESS: Mapping[str, Any] = {"status": "safe", "avScan": None, "pickleImportScan": None}
"""Status of files that cannot run code and are therefore not scanned."""


def file_status(scan: Scan) -> dict[str, Any]:
    """Return the field `securityFileStatus` of a tree entry."""
    found = scan.report.get("picklescan", {})
    imports = {
        "status": _STATUSES[scan.verdict],
        "pickleImports": found.get("imports", []),
        "version": scan.scanner or None,
        "message": "; ".join(scan.evidence) or None,
    }
    return {"status": _STATUSES[scan.verdict], "avScan": None, "pickleImportScan": imports}


def repository_status(scans: Mapping[str, Scan]) -> dict[str, Any]:
    """Return the field `securityRepoStatus` of a repository."""
    issues = [
        {"path": path, "level": _STATUSES[scan.verdict]} for path, scan in scans.items() if scan.verdict != UNSCANNED
    ]
    return {"scansDone": all(scan.verdict != UNSCANNED for scan in scans.values()), "filesWithIssues": issues}
