"""Build an installation whose encoders are upstream pickles."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from hub.cli import main
from hub.home import Home
from hub.local import LocalHub
from tests.builders.upstream.cache import CLOSED, write

TEXTS = ["aja eye", "", "ologbo"]


class World(NamedTuple):
    """An installation used only through the command line, with Hugging Face's cache instead of a network."""

    home: Home
    cache: Path

    def pull(self, name: str) -> int:
        return main(["pull", name])

    def open(self) -> LocalHub:
        return LocalHub.open(self.home)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_registry: Path) -> World:
    cache = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", CLOSED)
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "cards"))
    write(tmp_path / "cards" / "encoders" / "far-t5", "encoder", "org/t5", "pytorch_model.bin")
    (tmp_path / "home").mkdir()
    shutil.copy(empty_registry, tmp_path / "home" / "registry.db")
    return World(Home.find(), cache)
