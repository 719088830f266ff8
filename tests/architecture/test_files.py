"""The source tree stays readable: short files, documented modules, no machine-specific paths."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.builders import ROOT

MAX_LINES = 400
"""Maximum number of lines: docs/internals/style.md, rule 1."""
FOREIGN = re.compile(r"(?<![\w.])/(?:root|home/\w+|work|tmp/\w+)/")
"""Machine-specific paths. Tests may use `/tmp/…`."""


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    if listed.returncode:
        pytest.skip("not a git checkout: only tracked files are checked")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_source_file_is_too_long():
    lengths = {name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name in tracked("*.py")}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_every_module_has_a_docstring():
    silent = [
        name
        for name in tracked("hub/**.py", "hub/*.py", "trainers/**.py", "server/**.py")
        if (text := (ROOT / name).read_text(encoding="utf-8").lstrip()) and not text.startswith(('"""', 'r"""'))
    ]
    assert silent == []


def test_no_file_contains_a_machine_specific_path():
    found = [
        f"{name}:{number}"
        for name in tracked("*.py", "*.md", "*.toml", "*.txt", "Makefile", ".ci/*")
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


def test_generated_files_are_not_committed():
    assert [name for name in tracked() if name.endswith((".db", ".pyc", ".pth", ".bin", ".ckpt", ".pkl"))] == []
