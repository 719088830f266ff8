"""Create an environment for each version of the client below `build/clients`, cached by its requirements.

The packages that the versions depend on are installed once, and each environment finds them through a `.pth` file.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from filelock import FileLock

from tests.builders import ROOT

VERSIONS = ("0.36.2", "1.0.1", "1.19.0", "1.20.0", "1.33.0", "2.4.0")
PINS = Path(__file__).with_name("pins.txt")
ENVIRONMENTS = ROOT / "build" / "clients"


def python_of(version: str) -> Path:
    """Return the interpreter of an environment with this version and none of our code."""
    shared = _packages(_environment("shared", "-r", str(PINS)))
    return _environment(version, f"huggingface_hub=={version}", finds=shared) / "bin" / "python"


def _packages(environment: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(environment)}))


def _environment(name: str, *requirements: str, finds: Path | None = None) -> Path:
    """Return the folder of an environment with these requirements, which also finds the packages in the folder `finds`.

    Needs a package index the first time.
    """
    key = hashlib.sha256(f"{PINS.read_text()}\n{sys.version}".encode()).hexdigest()[:12]
    folder = ENVIRONMENTS / f"{name}-{key}"
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):  # Two test processes may need the same environment.
        if not (folder / "finished").exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, symlinks=True)
            # Without bytecode: Python compiles what it imports, and to compile the rest takes longer than installing it.
            pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet"]
            subprocess.run([*pip, "--no-deps", "--no-compile", *requirements], check=True, timeout=600)
            if finds is not None:
                _packages(folder).joinpath("shared.pth").write_text(f"{finds}\n")
            (folder / "finished").touch()
    return folder
