"""Tests end by themselves: each has a time limit, and so has each wait for a process or thread that it started."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.structure import source_files
from tests.builders import ROOT

STARTERS = {"subprocess.run", "subprocess.check_call", "subprocess.check_output"}


def unbounded_waits(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of calls that wait for a process or thread without a limit."""
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        name, is_limited = ast.unparse(call.func), any(each.arg == "timeout" for each in call.keywords)
        waits = call.func.attr in {"join", "wait", "communicate"} and not call.args
        if (waits or name in STARTERS) and not is_limited:
            yield call.lineno, name
        if name == "subprocess.Popen":
            yield call.lineno, f"{name}: use tests.builders.processes.running"


def test_no_test_waits_for_a_process_without_a_limit():
    allowed = {ROOT / "tests" / "builders" / each for each in ("processes.py", "reader.py")}
    found = [
        f"{path.relative_to(ROOT)}:{line} {text}"
        for path in source_files("tests")
        if path not in allowed
        for line, text in unbounded_waits(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_waits_without_a_limit_are_found():
    source = (
        "subprocess.run(x)\np.wait()\np.wait(3)\nt.join()\n','.join(x)\np.communicate(timeout=1)\nsubprocess.Popen(x)\n"
    )
    assert [line for line, _ in unbounded_waits(source)] == [1, 2, 4, 7]


def test_a_test_that_hangs_fails_with_the_stacks_of_its_threads(tmp_path: Path):
    (tmp_path / "test_it.py").write_text(
        "import threading\n"
        "def test_hangs():\n"
        "    threading.Thread(target=threading.Event().wait, args=(9,), name='another', daemon=True).start()\n"
        "    threading.Event().wait(60)\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "pytest_timeout",
        "--rootdir",
        tmp_path,
        "--timeout",
        "1",
        tmp_path,
    ]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # To import all of them takes two seconds.
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, env=environment)
    assert done.returncode == 1
    assert "Timeout" in done.stdout and "Stack of another" in done.stdout + done.stderr


def test_every_test_has_a_time_limit(request: pytest.FixtureRequest):
    assert 0 < float(request.config.getini("timeout")) <= 600


def test_tests_and_checks_do_not_read_the_terminal_or_a_closed_standard_input():
    assert re.search(r"-m pytest .*</dev/null$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    script = ROOT / ".ci" / "run"
    if script.exists():  # It is not part of releases.
        assert script.read_text(encoding="utf-8").index("exec </dev/null") < script.read_text(encoding="utf-8").index(
            "make check"
        )
