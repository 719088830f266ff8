"""The tutorials work: their code blocks are run in order, and print what the pages show."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageStat

from hub.cli.commands import program
from hub.home import Home
from hub.local import LocalHub
from tests.builders import ROOT
from tests.builders.reader import TUTORIALS, Reader, blocks, reading

PAGES = sorted(TUTORIALS.glob("*.md"))
WORDS = 900


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an installation that has indexed the curated cards, which takes three seconds."""
    folder = tmp_path_factory.mktemp("indexed") / "home"
    LocalHub.open(Home(folder / "registry.db", folder, ROOT / "cards")).close()
    return folder


def copy_home(source: Path, target: Path) -> None:
    """Copy the registry, and link the 80 MB of blobs, which are never changed."""
    shutil.copytree(source, target, copy_function=os.link)
    for path in target.glob("registry.db*"):
        path.unlink()
        shutil.copy(source / path.name, path)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indexed: Path) -> Iterator[Reader]:
    torch.set_num_threads(1)
    copy_home(indexed, tmp_path / "home")
    with reading(tmp_path, monkeypatch) as opened:
        yield opened


def is_mostly_red(path: Path) -> bool:
    with Image.open(path) as image:
        red, green, blue = ImageStat.Stat(image.convert("RGB")).mean
    return red > 1.2 * max(green, blue)


def test_use_an_adapter(reader: Reader) -> None:
    reader.follow(TUTORIALS / "use-an-adapter.md")
    for name in ("heart", "heart-yo", "heart-sw", "heart-zh", "heart-en"):
        assert is_mostly_red(reader.folder / f"{name}.png"), name
    assert (reader.folder / "compare.png").is_file()


def test_teach_a_language(reader: Reader) -> None:
    reader.follow(TUTORIALS / "teach-a-language.md")
    assert (reader.folder / "circle.png").is_file()
    with Image.open(reader.folder / "square.png") as image:
        assert image.size == (64, 64)


def test_host_a_hub(reader: Reader, indexed: Path) -> None:
    copy_home(indexed, reader.folder / "team-hub")
    reader.follow(TUTORIALS / "host-a-hub.md")
    downloaded, uploaded = (reader.folder / name / "emoji-sd" for name in ("downloaded", "my-adapter"))
    assert (downloaded / "model.safetensors").read_bytes() == (uploaded / "model.safetensors").read_bytes()


def test_add_a_base_family(reader: Reader) -> None:
    reader.follow(TUTORIALS / "add-a-base-family.md")
    for number in range(3):
        assert is_mostly_red(reader.folder / f"frame-{number}.png")


def test_add_a_method(reader: Reader) -> None:
    reader.follow(TUTORIALS / "add-a-method.md")
    assert (reader.folder / "circle.png").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert len(prose.split()) <= WORDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_that_are_not_run_can_be_parsed(page: Path) -> None:
    """Commands and options exist, and Python compiles. What a block needs is in its title."""
    for block in blocks(page):
        if block.is_run or block.is_file:
            continue
        assert block.title or block.language == "text", block.text
        if block.language == "python":
            compile(block.text, block.title, "exec")
        for line in block.commands if block.language == "bash" else []:
            parse(line)


def parse(line: str) -> None:
    """Parse a line that calls `hub` as the command would, without running it."""
    name, *words = shlex.split(line, comments=True)
    if name == "hub":
        command: Any = program()
        while hasattr(command, "resolve_command"):
            context = command.make_context("hub", [], resilient_parsing=True)
            name, command, words = command.resolve_command(context, words)
        command.make_context(name, words)
