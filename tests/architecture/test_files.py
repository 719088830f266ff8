"""The tree can be read: short files, no dead-end modules, nothing that belongs to one machine."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.builders import ROOT

MAX_LINES = 400
"""Lines; docs/internals/style.md, rule 1."""
FOREIGN = re.compile(r"(?<![\w.])/(?:root|home/\w+|work|tmp/\w+)/")
"""Paths of one machine. `/tmp/…` alone may stand in a test."""


def tracked(*patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("git lists what belongs to the project, and this is no git checkout")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_of_code_is_longer_than_a_reader_can_hold():
    lengths = {name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name in tracked("*.py")}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_every_module_says_what_it_is_for():
    silent = [
        name
        for name in tracked("hub/**.py", "hub/*.py", "trainers/**.py", "server/**.py")
        if (text := (ROOT / name).read_text(encoding="utf-8").lstrip()) and not text.startswith(('"""', 'r"""'))
    ]
    assert silent == []


def test_nothing_names_a_path_of_one_machine():
    found = [
        f"{name}:{number}"
        for name in tracked("*.py", "*.md", "*.toml", "*.txt", "Makefile", ".ci/*")
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


def test_derived_things_are_not_committed():
    assert [name for name in tracked() if name.endswith((".db", ".pyc", ".pth", ".bin", ".ckpt", ".pkl"))] == []
