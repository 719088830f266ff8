"""The examples of the tutorials are packages that a separate process finds; `test_tutorials` runs their code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.builders.reader import EXAMPLES, install

HUB = "import sys; from hub.cli import main; sys.exit(main(sys.argv[1:]))"


def test_a_tenth_method_is_one_file_and_one_entry_point(tmp_path: Path) -> None:
    install(EXAMPLES / "a-method", tmp_path / "site")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "HUB_HOME": str(tmp_path / "home"),
        "HUB_CARDS": str(tmp_path / "cards"),
    }
    command = [sys.executable, "-c", HUB, "train", "contrastiv-kd", "--lang", "sw"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert (done.returncode, "Did you mean `contrastive-kd`?" in done.stderr) == (2, True), done.stderr
