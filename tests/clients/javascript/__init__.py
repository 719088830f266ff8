"""Run Hugging Face's JavaScript client against our server, and return the cells of the page."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

from tests.clients.environments import ENVIRONMENTS
from tests.clients.page import JAVASCRIPT, Cell, cells_of
from tests.clients.serving import Service

FOLDER = Path(__file__).parent
PACKAGE = FOLDER / "package.json"
COLUMN = f"@huggingface/hub {json.loads(PACKAGE.read_text())['dependencies']['@huggingface/hub']}"
HAS_NODE = shutil.which("node") is not None and shutil.which("npm") is not None


def javascript_cells(service: Service) -> dict[Cell, str]:
    """Run the client in Node and return its cells. Needs HAS_NODE, and a package index the first time."""
    command = ["node", str(_environment() / "journey.mjs")]
    return cells_of(service.run(command, "javascript"), COLUMN, JAVASCRIPT)


def _environment() -> Path:
    """Return a folder with the client and the steps; the client is installed once for each version."""
    folder = ENVIRONMENTS / f"javascript-{hashlib.sha256(PACKAGE.read_bytes()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        shutil.copy(FOLDER / "journey.mjs", folder)
        if not (folder / "finished").exists():
            shutil.copy(PACKAGE, folder)
            options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"]
            subprocess.run(["npm", "install", *options], check=True, cwd=folder, timeout=300)
            (folder / "finished").touch()
    return folder
