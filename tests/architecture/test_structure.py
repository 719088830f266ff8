"""The house stays in order: no import circles, small folders, few names that stand twice."""

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
    "audit", "commands", "format", "languages", "leaderboard", "outbox", "part", "repositories", "resolve", "rows", "scores", "search",
    "tables", "tokens",
}  # fmt: skip
"""Module names that mean the same wherever they stand: a subject in the command line, the registry and the API, or a role of a file."""
MAX_FOLDER = 12
"""Modules, without `__init__` and `__main__`: as many as a reader can take in at a glance."""


def test_no_module_and_no_folder_imports_itself_through_others():
    assert circles(import_graph()) == []


def test_a_circle_is_found_among_files_and_among_folders():
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(circle_in({"a": {"b"}, "b": {"a"}})) == {"a", "b"}
    among_files = {"p.x.one": {"p.y.one"}, "p.y.two": {"p.x.two"}, "p.x.two": set(), "p.y.one": set()}
    assert circle_in(among_files) == []
    assert set(circle_in(children_graph(among_files, "p"))) == {"p.x", "p.y"}


def test_every_folder_can_be_taken_in_at_a_glance():
    crowded = {folder: names for folder, names in modules_by_folder().items() if len(names) > MAX_FOLDER}
    assert crowded == {}


def test_module_names_say_where_they_are():
    """A name in three folders or more is a convention; every other one helps nobody who searches by it."""
    assert {name for name, folders in repeated_names().items() if len(folders) > 2} <= CONVENTIONAL
