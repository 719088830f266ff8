"""Measure the structure of the code: import cycles, folders, lines and module names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

from tests.builders import ROOT

PACKAGES = ("hub", "server", "trainers")

Graph = Mapping[str, set[str]]
"""Importing module → imported modules."""


@cache
def import_graph() -> dict[str, set[str]]:
    """Return the imports among our modules, including those inside functions and under `TYPE_CHECKING`."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def children_graph(graph: Graph, package: str) -> dict[str, set[str]]:
    """Return the imports among the direct children of `package`; each child includes everything below it."""
    depth = package.count(".") + 2
    inside = f"{package}."
    found: dict[str, set[str]] = {}
    for importer, imported in graph.items():
        if importer.startswith(inside):
            child = ".".join(importer.split(".")[:depth])
            others = {".".join(each.split(".")[:depth]) for each in imported if each.startswith(inside)}
            found.setdefault(child, set()).update(others - {child})
    return found


def circle_in(graph: Graph) -> list[str]:
    """Return the modules of one import cycle, or an empty list."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def circles(graph: Graph) -> list[list[str]]:
    """Return one cycle for every level that has one: among files, then among the children of each package."""
    packages = sorted({module.rpartition(".")[0] for module in graph if "." in module})
    levels = [graph, *(children_graph(graph, package) for package in packages)]
    return list(filter(None, map(circle_in, levels)))


def modules_by_folder() -> dict[str, list[str]]:
    """Return the modules of each folder, without `__init__` and `__main__`."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in source_files():
        if path.stem not in {"__init__", "__main__"}:
            folders[str(path.parent.relative_to(ROOT))].append(path.stem)
    return dict(folders)


def repeated_names() -> dict[str, list[str]]:
    """Return module names that occur in more than one folder, with the folders."""
    places: dict[str, list[str]] = defaultdict(list)
    for folder, names in modules_by_folder().items():
        for name in names:
            places[name].append(folder)
    return {name: folders for name, folders in sorted(places.items()) if len(folders) > 1}


def lines_by_package() -> dict[str, int]:
    """Return the lines of Python in each package and its subpackages, including tests."""
    lines: dict[str, int] = defaultdict(int)
    for path in source_files("hub", "server", "trainers", "tests", "benchmarks"):
        parts = path.relative_to(ROOT).parts
        count = path.read_text(encoding="utf-8").count("\n")
        lines[parts[0]] += count
        if len(parts) > 2 and parts[0] in PACKAGES:
            lines["/".join(parts[:2])] += count
    return dict(sorted(lines.items()))


def source_files(*roots: str) -> list[Path]:
    """Return the Python files below `roots`, by default those of our packages."""
    return sorted(path for root in roots or PACKAGES for path in (ROOT / root).rglob("*.py"))
