"""A folder of four cards: enough for every command that finds or names artifacts."""

from __future__ import annotations

from pathlib import Path

from hub.cards import Card, write_card
from hub.conditioning import Conditioning
from hub.records import Provenance, Score, Upstream


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
