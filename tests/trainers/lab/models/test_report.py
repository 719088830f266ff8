"""The table of methods, from the cards."""

from __future__ import annotations

import pytest

from hub.cards import Card, read_card
from hub.names import ArtifactName
from trainers.lab.report.report import encoder_of, table_row
from trainers.lab.stage_options import CARDS


def card(name: str) -> Card:
    return read_card(CARDS / "adapters" / name, ArtifactName("linguahub", name))


@pytest.mark.parametrize(
    ("name", "encoder"),
    [
        ("mulan-yo", "emoji-xlmr"),
        ("memory-yo", "multilingual-e5-small + emoji-xlmr"),
        ("iap-many", "from emoji-xlmr"),
        ("lora-many", "–"),
    ],
)
def test_a_row_names_the_encoder_that_is_read_or_was_started_from(name: str, encoder: str) -> None:
    assert encoder_of(card(name)) == encoder
    assert f"| `{name}` | {card(name).method} | {encoder} |" in (table_row(card(name), name) or "")


def test_a_card_without_measured_scores_has_no_row() -> None:
    assert table_row(card("mulan-sd15-base"), "mulan-sd15-base") is None
