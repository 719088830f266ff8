"""A hub of its own for every test: a few cards, an empty store, and `hub` as a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hub.cards import Card, write_card
from hub.cli import main
from hub.conditioning import Conditioning
from hub.records import Provenance, Score, Upstream


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Hub = Callable[..., Answer]


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    return write_cards(tmp_path / "cards")


def write_cards(folder: Path) -> Path:
    """One base, one adapter with a measured Yoruba score, one multilingual, one whose weights are upstream."""
    base = Card(
        kind="base", summary="A small base.", license="Apache-2.0", languages=("en",), conditioning=Conditioning(width=8, length=None),
        prose="# Small",
    )  # fmt: skip
    measured = Score(
        metric="r_precision_at_1", value=0.7125, low=0.65, high=0.77, benchmark="emoji-generation", split="seen", language="yo",
        provenance=Provenance.SELF_REPORTED, source="hub evaluate", sample_size=256, base="small-sd",
    )  # fmt: skip
    reported = Score(
        metric="clip_score", value=0.9, benchmark="lingt2i", provenance=Provenance.REPORTED, source="A paper, table 3",
    )  # fmt: skip
    yoruba = Card(
        kind="adapter", summary="Yoruba for a small base.", license="MIT", languages=("yo",), method="mulan", bases=("linguahub/small-sd",),
        encoder="linguahub/small-xlmr", scores=(measured,), tags=("demo",), prose="# Yoruba\n\nTrained on two cores.",
    )  # fmt: skip
    many = Card(
        kind="adapter", summary="Many languages.", license="MIT", languages=("en", "fr", "hi", "sw", "yo", "zh"), method="pea",
        bases=("linguahub/small-sd",), scores=(reported,),
    )  # fmt: skip
    upstream = Card(
        kind="adapter", summary="Published elsewhere.", license="unknown", languages=("zh",), method="pea", bases=("linguahub/small-sd",),
        upstream=(Upstream(repository="org/adapter", file="weights.bin", size_bytes=1000),),
    )  # fmt: skip
    for place, card in {
        "bases/small-sd": base, "adapters/mulan-yo": yoruba, "adapters/pea-many": many, "adapters/pea-upstream": upstream,
    }.items():  # fmt: skip
        write_card(card, folder / place)
    return folder


@pytest.fixture
def home(tmp_path: Path, cards: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
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
