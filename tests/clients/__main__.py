"""Run every client, two at a time, and write docs/reference/clients.md when all steps succeed: `python -m tests.clients`."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.clients.environments import VERSIONS
from tests.clients.javascript import javascript_cells
from tests.clients.libraries import library_cells
from tests.clients.matrix import column
from tests.clients.page import PAGE, Cell, render
from tests.clients.serving import serving


def columns(versions: tuple[str, ...], folder: Path, *, libraries: bool) -> dict[Cell, str]:
    """Run some versions in order, and the libraries if asked, against one new server."""
    cells: dict[Cell, str] = {}
    with serving(folder) as service:
        for version in versions:
            cells |= column(service, version)
        return cells | (library_cells(service) | javascript_cells(service) if libraries else {})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as root, ThreadPoolExecutor(2) as pool:
        folders = [Path(root, name) for name in ("one", "other")]
        for each in folders:
            each.mkdir()
        walks = [
            pool.submit(columns, VERSIONS[::2], folders[0], libraries=True),
            pool.submit(columns, VERSIONS[1::2], folders[1], libraries=False),
        ]
        found: dict[Cell, str] = {}
        for walk in walks:
            found |= walk.result()
    ordered = {
        cell: found[cell]
        for cell in sorted(found, key=lambda cell: VERSIONS.index(cell.column) if cell.column in VERSIONS else 9)
    }
    PAGE.write_text(render(ordered), encoding="utf-8")
