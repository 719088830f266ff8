"""The documentation: links, commands and make targets exist, every page is in the navigation, and the site builds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from hub.cli.commands import GROUP, OWN
from hub.errors import Unknown
from hub.plugins import advertised
from tests.builders import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
COMMANDS = {*OWN, *advertised(GROUP)}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


@each_page
def test_links_inside_the_project_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@each_page
def test_commands_that_pages_tell_people_to_run_exist(page):
    named = re.findall(r"(?:^|`)hub ([a-z]+)\b", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= COMMANDS


def test_commands_that_messages_tell_people_to_run_exist():
    listings = {each.listing for each in [Unknown, *Unknown.__subclasses__()]}
    assert {listing.split()[1] for listing in listings} <= COMMANDS


def test_make_targets_that_pages_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {each for page in PAGES for each in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8"))}
    assert named <= targets


def test_the_readme_has_two_set_up_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^make .*?(?=  |$)", text, re.MULTILINE) == ["make demo", "make test"]


def test_every_page_is_in_the_navigation_once():
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = sorted(pages_of(settings["nav"]))
    assert listed == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def pages_of(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_of(each)


def test_the_site_builds_without_warnings_and_loads_nothing_from_other_hosts(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        timeout=300,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    loaded = [
        address
        for page in (tmp_path / "site").rglob("*.html")
        for address in re.findall(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=\"?([^\"\s>]+)", page.read_text())
    ]
    assert loaded
    assert [address for address in loaded if re.match(r"https?:|//", address)] == []


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {re.split(r"[<>=\[]", each)[0].lower().replace("_", "-") for each in wanted} - {project["name"]}
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert names - {each.lower().replace("_", "-") for each in pinned} == set()


def test_the_page_of_where_things_are_names_files_that_exist():
    page = (ROOT / "docs" / "internals" / "where.md").read_text(encoding="utf-8")
    files = re.findall(r"^\| [^|]+ \| `([^`]+)` \|$", page, re.MULTILINE)
    assert len(files) >= 40
    assert [file for file in files if not (ROOT / file).is_file()] == []
