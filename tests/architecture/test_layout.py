"""Tests mirror the source tree: the path of the code gives the path of its test."""

from __future__ import annotations

import ast
import re

from tests.architecture.structure import PACKAGES, ROOT, source_files

A_TEST = re.compile(r"^tests\..*\b(conftest|test_\w+)\b")


def test_no_test_imports_another_test_or_a_conftest():
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in source_files("tests")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for imported in node.names
        if getattr(node, "level", 0) or A_TEST.match(f"{getattr(node, 'module', '')}.{imported.name}".lstrip("."))
    }
    assert found == set()


def test_every_folder_of_tests_has_its_folder_of_code():
    folders = {
        path.parent.relative_to(ROOT / "tests") for path in source_files(*(f"tests/{each}" for each in PACKAGES))
    }
    assert {str(folder) for folder in folders if not (ROOT / folder).is_dir()} == set()
