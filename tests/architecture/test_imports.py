"""Commands and packages that must start quickly import no tensor library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.home import Home
from hub.local import LocalHub
from tests.builders import ROOT

HEAVY = ("torch", "diffusers", "transformers", "peft", "accelerate", "pandas", "matplotlib")
REPORT = f"; import sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
RUN = "import sys, contextlib, io; from hub.cli import main\nwith contextlib.redirect_stdout(io.StringIO()): code = main({!r})\nassert code == 0"


def heavy_after(script: str, home: Path) -> list[str]:
    """Return the heavy libraries that `script` imports in a new interpreter."""
    environment = os.environ | {"HUB_HOME": str(home), "HUB_CARDS": str(home / "cards")}
    done = subprocess.run(
        [sys.executable, "-c", script + "\n" + REPORT.lstrip("; ")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    "script",
    [
        "import hub",
        RUN.format(["--help"]),
        RUN.format(["search", "--lang", "yo"]),
        "import trainers.cli",
        "import server, server.cli",
        "import hub.local, hub.publish.publish, hub.remote.published_systems, hub.convert",
    ],
    ids=["hub", "hub --help", "hub search", "trainers.cli", "server", "the registry and remote"],
)
def test_no_tensor_library_is_imported_by(script, tmp_path):
    assert heavy_after(script, tmp_path) == []


def test_searching_does_not_wait_for_an_orm_or_a_table_printer(tmp_path):
    script = (
        RUN.format(["search"])
        + "\nfor name in ('sqlalchemy', 'alembic', 'rich', 'huggingface_hub', 'numpy'): assert name not in sys.modules, name"
    )
    heavy_after(RUN.format(["search"]), tmp_path)  # The first call builds the registry, which may import them.
    assert heavy_after(script, tmp_path) == []


def test_import_contracts_are_kept():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def test_a_server_starts_without_what_only_some_requests_need(tmp_path):
    unneeded = (
        "numpy", "huggingface_hub", "sqlalchemy", "alembic", "psycopg", "obstore", "picklescan", "modelaudit_picklescan",
        "model_signing", "PIL",
    )  # fmt: skip
    LocalHub.open(Home(tmp_path / "registry.db", tmp_path, tmp_path / "cards")).close()
    script = f"""
import sys, uvicorn
from hub.local import LocalHub
from hub.registry.outbox.worker import run_due
from server.app import create_app
from server.worker import server_parts, tasks_of_worker

with LocalHub.open() as hub:
    create_app(hub)
    for part in server_parts():
        part.start(hub)
    run_due(hub.registry.database, tasks_of_worker(hub))
    assert not (found := [name for name in {unneeded!r} if name in sys.modules]), found
"""
    assert heavy_after(script, tmp_path) == []
