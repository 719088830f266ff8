"""Pages that point somewhere point at something."""

from __future__ import annotations

import re
import tomllib

import pytest

from hub.cli.commands import GROUP, OWN
from hub.errors import Unknown
from hub.plugins import advertised
from tests.builders import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
COMMANDS = {*OWN, *advertised(GROUP)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_project_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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


def test_every_dependency_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {re.split(r"[<>=\[]", each)[0].lower().replace("_", "-") for each in wanted} - {project["name"]}
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert names - {each.lower().replace("_", "-") for each in pinned} == set()
