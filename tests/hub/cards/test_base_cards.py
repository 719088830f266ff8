"""The card of a base agrees with its family, so that search and the loader agree on which modules fit."""

from __future__ import annotations

import pytest

from hub.bases.family import families
from hub.cards import read_card
from hub.conditioning import PACKINGS
from hub.names import ArtifactName
from tests.builders import ROOT

FAMILIES = {family.name: family.reads for family in families() if hasattr(family, "reads")}
FOLDERS = sorted((ROOT / "cards" / "bases").iterdir())
CARDS = {folder.name: read_card(folder, ArtifactName("linguahub", folder.name)) for folder in FOLDERS}
OF_FAMILY = [(name, tag) for name, card in CARDS.items() for tag in card.tags if tag in FAMILIES]


@pytest.mark.parametrize(("name", "family"), OF_FAMILY, ids=[name for name, _ in OF_FAMILY])
def test_a_card_states_the_streams_layers_and_mask_that_its_family_reads(name: str, family: str) -> None:
    stated, reads = CARDS[name].conditioning, FAMILIES[family]
    assert stated is not None
    assert (stated.mask, stated.packing) == (reads.mask, reads.packing)
    assert (stated.pooled_width is None, stated.layers == 1) == (reads.pooled is None, reads.layers == 1)
    assert [(each.name, each.mask, each.optional, each.layers == 1) for each in stated.streams] == [
        (each.name, each.mask, each.optional, each.layers == 1) for each in reads.streams
    ]
    assert stated.packing in PACKINGS


def test_nearly_every_card_names_its_family() -> None:
    without = sorted(CARDS.keys() - {name for name, _ in OF_FAMILY})
    assert without == ["emoji-sd", "pixart-alpha", "pixart-sigma"]
