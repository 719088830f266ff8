"""Code that opens a blob passes its size if the registry has it, because reading only checks the size of a large blob."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.builders import ROOT

WITHOUT_SIZE = {
    "hub/publish/index.py": "a manifest, which is confirmed first",
    "hub/registry/uploads/xet_files.py": "xorbs; the file that is made of them is verified",
    "server/api/artifacts/revisions.py": "a manifest, which is confirmed first",
    "server/parts/scanning/scan.py": "a scan names a digest",
}


def is_store(node: ast.expr) -> bool:
    return ast.unparse(node).rpartition(".")[2] in {"store", "_store"}


def calls_without_size(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_store(node.func.value):
            is_short = len(node.args) + len(node.keywords) < 2
            if is_short and node.args and node.func.attr in {"open", "path", "url", "holds", "confirm", "refresh"}:
                yield ast.unparse(node)
        is_search = isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn)
        if is_search and is_store(node.comparators[0]):
            yield ast.unparse(node)


def test_blobs_are_opened_with_their_size():
    found = {
        file.relative_to(ROOT).as_posix(): list(calls_without_size(file))
        for package in ("hub", "server")
        for file in (ROOT / package).rglob("*.py")
        if "hub/store" not in file.as_posix()
    }
    assert {name: calls for name, calls in found.items() if calls and name not in WITHOUT_SIZE} == {}
    assert {name for name in WITHOUT_SIZE if not found[name]} == set()
