"""The tutorials work: their code blocks are run in order, and print what the pages show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageStat

from hub.cli.commands import program
from tests.builders.reader import TUTORIALS, Reader, blocks, reading

PAGES = sorted(TUTORIALS.glob("*.md"))
WORDS = 900


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    torch.set_num_threads(1)
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
    import shlex

    words = shlex.split(line, comments=True)
    if words[:1] != ["hub"]:
        return
    command, words = program(), words[1:]
    with command.make_context("hub", list(words), resilient_parsing=False) as context:
        while hasattr(command, "resolve_command"):
            _, command, words = command.resolve_command(context, words)
            context = command.make_context(command.name, list(words), parent=context)
            words = [*context.protected_args, *context.args] if hasattr(command, "resolve_command") else []
