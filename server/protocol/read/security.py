"""What the scanners say, in Hugging Face's words. See docs/trust.md."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hub.registry.artifacts.scans import CLEAN, INCONCLUSIVE, MALICIOUS, SUSPICIOUS, UNSCANNED, Scan

NO_SCANS: Mapping[str, Scan] = MappingProxyType({})
_STATUSES = {
    MALICIOUS: "unsafe",
    SUSPICIOUS: "suspicious",
    INCONCLUSIVE: "caution",
    CLEAN: "caution",
    UNSCANNED: "unscanned",
}
"""A list of dangerous names that finds none does not make a pickle `safe`, so no scanned file is called that."""
HARMLESS: Mapping[str, Any] = {"status": "safe", "avScan": None, "pickleImportScan": None}
"""Of a file that no scanner has to look at: loading it runs nothing."""


def file_status(scan: Scan) -> dict[str, Any]:
    """`securityFileStatus` of a tree's entry."""
    found = scan.report.get("picklescan", {})
    imports = {
        "status": _STATUSES[scan.verdict],
        "pickleImports": found.get("imports", []),
        "version": scan.scanner or None,
        "message": "; ".join(scan.evidence) or None,
    }
    return {"status": _STATUSES[scan.verdict], "avScan": None, "pickleImportScan": imports}


def repository_status(scans: Mapping[str, Scan]) -> dict[str, Any]:
    """`securityRepoStatus` of a repository."""
    issues = [
        {"path": path, "level": _STATUSES[scan.verdict]} for path, scan in scans.items() if scan.verdict != UNSCANNED
    ]
    return {"scansDone": all(scan.verdict != UNSCANNED for scan in scans.values()), "filesWithIssues": issues}
