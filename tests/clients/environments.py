"""Create an environment for each version of the client below `build/clients`, cached by its requirements."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.builders import ROOT

VERSIONS = ("0.36.2", "1.0.1", "1.19.0", "1.20.0", "1.33.0", "2.4.0")
PINS = Path(__file__).with_name("pins.txt")
ENVIRONMENTS = ROOT / "build" / "clients"


class NotInstalled(Exception):
    """A client could not be installed."""


def python_of(version: str) -> Path:
    """Return the interpreter of an environment with this version and none of our code.

    Raises `NotInstalled` without a package index.
    """
    requirements = f"huggingface_hub=={version}\n{PINS.read_text()}\n{sys.version}"
    folder = ENVIRONMENTS / f"{version}-{hashlib.sha256(requirements.encode()).hexdigest()[:12]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Two test processes may need the same environment.
        finished = folder / "finished"
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, symlinks=True)
            _install(folder / "bin" / "python", version)
            finished.touch()
    return folder / "bin" / "python"


def _install(python: Path, version: str) -> None:
    uv = shutil.which("uv")
    command = (
        [uv, "pip", "install", "--python", python]
        if uv
        else [sys.executable, "-m", "pip", "--python", python, "install"]
    )
    command += ["--quiet", "--constraint", PINS, f"huggingface_hub=={version}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NotInstalled(
            f"huggingface_hub {version} could not be installed into {python.parents[1]}: the client matrix needs a package "
            f"index the first time. {' '.join(map(str, command))}\n{done.stderr[-3000:]}"
        )
