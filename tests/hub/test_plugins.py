import ast
import re
import sys
import time
import tomllib
from pathlib import Path

import pytest

from hub import plugins
from hub.errors import Unknown, UnknownMethod
from tests.builders import ROOT


def groups_in_code():
    """Groups that a file calls its own, `GROUP = "hub.…"`, or looks up: `advertised("hub.…")`."""
    for file in [path for package in ("hub", "trainers", "server") for path in sorted((ROOT / package).rglob("*.py"))]:
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if '"hub.' in text else ():
            if isinstance(node, ast.Assign) and "GROUP" in map(ast.unparse, node.targets):
                asked = [node.value]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("advertised", "load", "entry_points")):
                asked = [*node.args[:1], *(each.value for each in node.keywords)]
            else:
                continue
            yield from (
                each.value for each in asked if isinstance(each, ast.Constant) and str(each.value).startswith("hub.")
            )


def test_the_groups_that_the_code_asks_for_are_those_that_are_listed():
    assert set(groups_in_code()) == set(plugins.GROUPS)


def test_every_group_is_documented_and_open_in_the_project_file():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    page = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", page).replace(" (tutorial)", "")
    assert dict(re.findall(r"^\| `(hub\.\w+)` \| (.+?) \|", page, re.MULTILINE)) == plugins.GROUPS
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["entry-points"]) == set(plugins.GROUPS)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed distribution that adds a method, and one more whose import fails."""
    information = tmp_path / "yoruba_methods-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: yoruba-methods\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[hub.methods]\nproverbs = yoruba_methods:Proverbs\nbroken = nowhere:Nothing\n"
    )
    (tmp_path / "yoruba_methods.py").write_text("class Proverbs:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins.advertised.cache_clear()
    yield
    plugins.advertised.cache_clear()
    sys.modules.pop("yoruba_methods", None)


def test_installed_packages_add_methods_that_are_imported_when_asked_for(package):
    assert {"proverbs", "broken"} <= set(plugins.advertised("hub.methods"))
    assert "yoruba_methods" not in sys.modules
    assert plugins.load("hub.methods", "proverbs").__name__ == "Proverbs"


def test_an_unknown_name_offers_near_ones(package):
    with pytest.raises(UnknownMethod, match="Did you mean `proverbs`"):
        plugins.load("hub.methods", "proverb")
    with pytest.raises(Unknown):
        plugins.load("hub.kinds", "nothing")


def test_entries_of_the_project_are_found_before_those_of_packages(package):
    own = {"proverbs": "pathlib:Path"}
    assert plugins.load("hub.methods", "proverbs", own) is Path
    assert plugins.names("hub.kinds", own) == ["proverbs"]
    with pytest.raises(UnknownMethod, match="Did you mean `proverbs`"):
        plugins.load("hub.methods", "proverb", own)


def test_a_group_that_is_not_ours_is_a_mistake_in_code():
    with pytest.raises(ValueError, match=r"unknown entry-point group"):
        plugins.advertised("console_scripts")


def test_listing_twice_reads_once(package):
    plugins.advertised("hub.commands")
    start = time.perf_counter()
    plugins.advertised("hub.commands")
    assert time.perf_counter() - start < 0.001
