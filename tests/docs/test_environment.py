"""docs/reference/environment.md and the code name the same variables."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import ROOT

PAGE = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
OWN_PART = PAGE.partition("## Hugging Face")[0]
ASKS = "environ|getenv"


def read_in(file: Path) -> Iterator[str]:
    """Names of environment variables that `file` reads: `environ["X"]`, `environment.get("X")`, `getenv("X")`."""
    text = file.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if re.search(ASKS, text) else ():
        if isinstance(node, ast.Subscript):
            owner, key = node.value, node.slice
        elif (
            isinstance(node, ast.Call)
            and node.args
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"get", "getenv"}
        ):
            owner, key = (node.func if node.func.attr == "getenv" else node.func.value), node.args[0]
        else:
            continue
        if re.search(ASKS, ast.unparse(owner)) and isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


READ = {
    (name, file.relative_to(ROOT).as_posix())
    for package in ("hub", "trainers", "server")
    for file in sorted((ROOT / package).rglob("*.py"))
    for name in read_in(file)
}


@pytest.mark.parametrize(("name", "file"), sorted(READ))
def test_every_variable_the_code_reads_is_documented_with_its_place(name, file):
    row = next((line for line in OWN_PART.splitlines() if line.startswith(f"| `{name}` |")), "")
    assert f"`{file}`" in row


def test_every_documented_variable_is_read():
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", OWN_PART, re.MULTILINE)) == {name for name, _ in READ}
