"""The examples of the tutorials are packages that work, in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import ROOT
from tests.builders.reader import EXAMPLES, install

A_METHOD = EXAMPLES / "a-method"


@pytest.mark.slow
def test_a_tenth_method_is_one_file_and_one_entry_point(tmp_path: Path) -> None:
    install(A_METHOD, tmp_path / "site")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "HUB_HOME": str(tmp_path / "home"),
        "OMP_NUM_THREADS": "1",
    }
    subprocess.run([sys.executable, EXAMPLES / "make_captions.py"], check=True, cwd=tmp_path, timeout=300)
    arguments = [
        "train", "contrastive-kd", "--lang", "sw", "--corpus", str(tmp_path / "captions"), "--caption-column", "en=caption_en",
        "--caption-column", "sw=caption_sw", "--steps", "2", "--set", "batch_size=8", "--device", "cpu", "--no-evaluate",
    ]  # fmt: skip

    def hub(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; from hub.cli import main; sys.exit(main(sys.argv[1:]))"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            env=environment,
            cwd=ROOT,
            timeout=300,
        )

    done = hub(*arguments, "--push", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert set(outcome["losses"]) == {"contrast"}
    found = json.loads(hub("search", "--method", "contrastive-kd", "--json").stdout)
    assert "contrastive-kd-sw" in json.dumps(found)
