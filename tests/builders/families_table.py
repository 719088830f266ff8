"""Read docs/train/families.md, whose every cell is a test of `hub train`."""

from __future__ import annotations

from tests.builders import ROOT

TABLE = (ROOT / "docs/train/families.md").read_text(encoding="utf-8")


def trained_families() -> dict[str, list[str]]:
    """Return method → family → whether it trains, as docs/train/families.md has it."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.splitlines() if line.startswith("|")
    ]
    heading = lines[0][1:]
    return {
        row[0].strip("`"): [name for name, cell in zip(heading, row[1:], strict=True) if cell == "yes"]
        for row in lines[2:]
    }
