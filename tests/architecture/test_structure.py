"""The structure stays simple: no import cycles, small folders, few repeated module names."""

from __future__ import annotations

from tests.architecture.structure import (
    children_graph,
    circle_in,
    circles,
    import_graph,
    modules_by_folder,
    repeated_names,
)

CONVENTIONAL = {
    "audit", "commands", "compare", "format", "languages", "leaderboard", "outbox", "parity", "part", "recommend", "repositories", "resolve", "rows", "scores",
    "search",
    "tables", "tokens",
}  # fmt: skip
"""Module names that mean the same everywhere: a subject in the command line, the registry and the API, or the role of a file."""
MAX_FOLDER = 12
"""Maximum number of modules in a folder, without `__init__` and `__main__`."""


def test_there_are_no_import_cycles_among_modules_or_folders():
    assert circles(import_graph()) == []


def test_cycles_are_found_among_files_and_among_folders():
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(circle_in({"a": {"b"}, "b": {"a"}})) == {"a", "b"}
    among_files = {"p.x.one": {"p.y.one"}, "p.y.two": {"p.x.two"}, "p.x.two": set(), "p.y.one": set()}
    assert circle_in(among_files) == []
    assert set(circle_in(children_graph(among_files, "p"))) == {"p.x", "p.y"}


def test_no_folder_has_too_many_modules():
    crowded = {folder: names for folder, names in modules_by_folder().items() if len(names) > MAX_FOLDER}
    assert crowded == {}


def test_few_module_names_are_repeated():
    """A name in three folders or more is a convention; other repeated names make files hard to find."""
    assert {name for name, folders in repeated_names().items() if len(folders) > 2} <= CONVENTIONAL
