"""docs/tutorials/examples holds packages that work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.builders import ROOT

A_METHOD = ROOT / "docs" / "tutorials" / "examples" / "a-method"


def install(package: Path, into: Path) -> None:
    """What an installer does with a package of single files: copy them, and write down what it advertises.

    A build backend need not be installed for that, and nothing is fetched.
    """
    about = tomllib.loads((package / "pyproject.toml").read_text())
    project = about["project"]
    information = into / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (information / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for name in about["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]:
        (into / name).write_text((package / name).read_text())


@pytest.mark.slow
def test_a_tenth_method_is_one_file_and_one_entry_point(tmp_path: Path) -> None:
    install(A_METHOD, tmp_path / "site")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "HUB_HOME": str(tmp_path / "home"),
        "OMP_NUM_THREADS": "1",
    }
    arguments = ["train", "contrastive-kd", "--lang", "yo", "--steps", "2", "--device", "cpu", "--no-evaluate"]

    def hub(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; from hub.cli import main; sys.exit(main(sys.argv[1:]))"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, cwd=ROOT
        )

    done = hub(*arguments, "--push", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert set(outcome["losses"]) == {"contrast"}
    found = json.loads(hub("search", "--method", "contrastive-kd", "--json").stdout)
    assert "contrastive-kd-yo" in json.dumps(found)
