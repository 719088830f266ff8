"""The terms of a card in `hub show`."""

from __future__ import annotations

from hub.cards import read_card
from hub.cli.find.facts import requirements
from hub.names import ArtifactName
from tests.builders import ROOT


def shown(kind: str, name: str) -> dict[str, str]:
    return dict(requirements(read_card(ROOT / "cards" / kind / name, ArtifactName("linguahub", name))))


def test_show_prints_whether_a_licence_allows_commercial_use_and_where_another_licence_is() -> None:
    assert shown("bases", "flux1-dev")["commercial"] == (
        "not allowed, flux-1-dev-non-commercial-license, "
        "https://huggingface.co/black-forest-labs/FLUX.1-dev/blob/main/LICENSE.md"
    )
    assert shown("bases", "sdxl")["commercial"] == "allowed under the conditions of the licence"
    assert shown("encoders", "mt5-xl")["commercial"] == "allowed"
    assert shown("adapters", "mulan-sd15-base")["commercial"] == "not stated"
