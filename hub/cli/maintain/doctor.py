"""`hub doctor`: check the installation and suggest fixes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

from typer import Exit, Option

from hub.cli.maintain.checks import ABSENT, FAULT, OK, Finding, examine
from hub.cli.terminal import print_table

_MARKS = {OK: "ok", ABSENT: "absent", FAULT: "FAULT"}


def doctor(
    as_objects: Annotated[bool, Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the installation and suggest fixes.

    Exits with 1 if something is broken. Missing optional packages are not errors.
    """
    findings = list(examine())
    if as_objects:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        _print_findings(findings)
    if any(finding.state == FAULT for finding in findings):
        raise Exit(1)


def _print_findings(findings: list[Finding]) -> None:
    print_table(
        ("CHECK", "STATE", "FOUND"), [(finding.what, _MARKS[finding.state], _found(finding)) for finding in findings]
    )
    fixes = [(finding.what, finding.fix) for finding in findings if finding.fix]
    if fixes:
        print("\nTo fix or install:")
        for what, fix in fixes:
            print(f"  {what}: {fix}")


def _found(finding: Finding) -> str:
    return f"{finding.found}, expected {finding.expected}" if finding.expected else finding.found
