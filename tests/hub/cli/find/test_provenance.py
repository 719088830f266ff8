"""A copied card with a better number, at the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hub.local import LocalHub
from tests.builders.registry import reproduce_claims


@pytest.fixture
def copied(hub, cards: Path, tmp_path: Path) -> str:
    """The user's `mulan-yo`: the card of `linguahub/mulan-yo` with 0.9999 instead of 0.7125."""
    folder = tmp_path / "mulan-yo"
    shutil.copytree(cards / "adapters" / "mulan-yo", folder)
    card = (folder / "README.md").read_text()
    assert "value: 0.7125" in card
    (folder / "README.md").write_text(card.replace("value: 0.7125", "value: 0.9999").replace("high: 0.77", "high: 1.0"))
    with LocalHub.open() as opened:
        name = f"{opened.home.owner}/mulan-yo"
    assert hub("push", str(folder)).code == 0
    return name


@pytest.mark.parametrize("reproduced", [False, True])
def test_a_copied_card_with_a_better_number_is_not_first(hub, copied: str, reproduced: bool):
    if reproduced:
        with LocalHub.open() as opened:
            reproduce_claims(opened, "linguahub/mulan-yo")
    for options in ((), ("--lang", "yo"), ("--kind", "adapter"), ("mulan",)):
        lines = hub("search", *options).out.splitlines()
        assert lines[1].split()[0] == "mulan-yo", options
    shown = hub("show", copied).out
    assert "0.9999 [0.65–1]" in shown
    assert "self-reported" in shown
    assert "reproduced" not in shown
    board = hub("leaderboard", "emoji-generation", "r_precision_at_1").out
    by_metric = hub("search", "--metric", "r_precision_at_1", "--sort", "metric").out
    for out in (board, by_metric):
        assert copied not in out
        assert (" mulan-yo " in f" {out}".replace("\n", " ")) is reproduced
        assert ("--provenance self-reported" in out) is not reproduced
    assert copied in hub("leaderboard", "emoji-generation", "r_precision_at_1", "--provenance", "self-reported").out
    assert copied in hub("search", "--metric", "r_precision_at_1", "--provenance", "self-reported").out


def test_an_empty_search_says_how_many_have_self_reported_scores(hub):
    claimed = len(
        json.loads(
            hub(
                "search", "--metric", "r_precision_at_1", "--provenance", "self-reported", "--json", "--limit", "1000"
            ).out
        )
    )
    out = hub("search", "--metric", "r_precision_at_1", "--sort", "metric").out
    assert (
        f"Only reproduced scores were searched. With self-reported ones: {claimed}, see `--provenance self-reported`"
        in out
    )
    nothing = hub("search", "--metric", "r_precision_at_1", "--min", "2").out
    assert nothing.startswith("No artifacts match.")
    assert "self-reported" not in nothing


def test_an_unknown_provenance_is_refused(hub):
    answer = hub("search", "--metric", "fid", "--provenance", "measured")
    assert answer.code == 2
    assert "unknown provenance `measured`: choose one of reproduced, self-reported, reported, disputed" in answer.err
