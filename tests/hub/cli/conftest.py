"""A hub of its own for every test: a few cards, an empty store, and `hub` as a function."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hub.cards import Card, write_card
from hub.cli import main
from hub.home import Home
from hub.local import LocalHub
from tests.builders.few_cards import write_cards


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Hub = Callable[..., Answer]


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the cards of `write_cards` and a home that has indexed them, for tests to copy."""
    folder = tmp_path_factory.mktemp("indexed")
    home, cards = folder / "home", write_cards(folder / "cards")
    LocalHub.open(Home(home / "registry.db", home, cards, owner="ade")).close()
    return folder


@pytest.fixture
def cards(tmp_path: Path, indexed: Path) -> Path:
    """See `tests.builders.few_cards`."""
    return shutil.copytree(indexed / "cards", tmp_path / "cards")


@pytest.fixture
def home(tmp_path: Path, cards: Path, indexed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(indexed / "home", tmp_path / "home", symlinks=True)
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_CARDS", str(cards))
    monkeypatch.setenv("HUB_OWNER", "ade")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return tmp_path / "home"


@pytest.fixture
def hub(home: Path, capsys: pytest.CaptureFixture[str]) -> Hub:
    def run(*arguments: str | Path) -> Answer:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An adapter that can be pushed."""
    folder = tmp_path / "mulan-sw"
    card = Card(
        kind="adapter", summary="Swahili.", license="MIT", languages=("sw",), method="mulan", bases=("linguahub/small-sd",),
        prose="# Swahili",
    )  # fmt: skip
    write_card(card, folder)
    return folder
