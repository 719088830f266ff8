"""Scan one file: `python -I scanner_process.py FILE NAME` prints one line of JSON. This program imports nothing from linguahub.

Nothing is unpickled. Both scanners read the opcodes of pickles, also inside archives, and check what they would import against lists
of dangerous and harmless names.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

MEMORY_BYTES = 2 << 30
PROCESSOR_S = 60
_MAX = 50
"""Imports and findings per report."""


def main(file: str, name: str) -> None:
    """Run both scanners and print their reports."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable(logging.CRITICAL)
    report = {
        "picklescan": _run(_picklescan, file, name),
        "modelaudit-picklescan": _run(_modelaudit, file, name),
    }
    print(json.dumps(report))


def _run(scan: Callable[[str, str], dict[str, Any]], file: str, name: str) -> dict[str, Any]:
    try:
        return scan(file, name)
    except Exception as error:  # noqa: BLE001 - a hostile file can make a scanner raise anything; the report contains it
        return {"verdict": "failed", "reason": f"{type(error).__name__}: {error}"[:300]}


def _picklescan(file: str, name: str) -> dict[str, Any]:
    from picklescan.scanner import SafetyLevel, scan_bytes

    with Path(file).open("rb") as opened:
        result = scan_bytes(opened, name, Path(name).suffix.lower() or None)
    imports = [{"module": each.module, "name": each.name, "safety": each.safety.value} for each in result.globals]
    levels = {each.safety for each in result.globals}
    if SafetyLevel.Dangerous in levels:
        verdict = "malicious"
    elif result.scan_err or not result.scanned_files:
        verdict = "inconclusive"
    else:
        verdict = "suspicious" if SafetyLevel.Suspicious in levels else "clean"
    imports.sort(key=lambda each: (each["safety"], each["module"], each["name"]))
    return {"version": version("picklescan"), "verdict": verdict, "imports": imports[:_MAX]}


def _modelaudit(file: str, _name: str) -> dict[str, Any]:
    from modelaudit_picklescan import ScanOptions, ScanStatus, scan_file

    report = scan_file(file, options=ScanOptions(timeout_s=PROCESSOR_S))
    verdict = report.verdict.value
    if verdict == "unknown" or (verdict == "clean" and report.status is not ScanStatus.COMPLETE):
        verdict = "inconclusive"
    findings = [f"{each.severity.value}: {each.message}"[:300] for each in report.findings]
    findings += [f"error: {each.message}"[:300] for each in report.errors]
    return {"version": version("modelaudit-picklescan"), "verdict": verdict, "findings": findings[:_MAX]}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
