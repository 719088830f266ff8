"""The README's example of a published adapter, with small files of the same layout: pull, fetch the halves, generate."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from hub.encoders.text_encoder import TextEncoder
from hub.home import Home
from hub.loader import load_pipeline
from hub.local import LocalHub
from hub.remote.published_systems import pull
from hub.systems.architectures import build
from tests.builders.models.internvl import WIDTH
from tests.builders.upstream.cache import CLOSED, COMMIT, seed, write

SIZES = {"in_width": WIDTH, "out_width": 32, "queries": 6, "heads": 8, "encoder_layers": 1, "decoder_layers": 1}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base_folder: Path, internvl: Path) -> Iterator[LocalHub]:
    """Cards alone, whose files are in Hugging Face's cache: a base, InternVL without its vision file, MuLan's pickle."""
    cache, cards = tmp_path / "cache", tmp_path / "cards"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", CLOSED)
    write(cards / "bases" / "far-sd", "base", "org/sd", "model_index.json", conditioning={"width": 32})
    write(cards / "encoders" / "far-internvl", "encoder", "org/internvl", "model.safetensors.index.json")
    mulan = {"method": "mulan", "encoder": "linguahub/far-internvl"}
    write(cards / "adapters" / "far-mulan", "adapter", "org/mulan", "sd15_aesthetic.pth", **mulan)
    card = cards / "adapters" / "far-mulan" / "README.md"
    card.write_text(
        card.read_text().replace('"language": "en"', '"language": "mul", "base_model": ["linguahub/far-sd"]')
    )
    seed(cache, "org/sd", base_folder)
    seed(cache, "org/internvl", internvl)
    torch.manual_seed(5)
    published = tmp_path / "published"
    published.mkdir()
    torch.save(build("resampler", SIZES).state_dict(), published / "sd15_aesthetic.pth")
    seed(cache, "org/mulan", published)
    with LocalHub.open(Home(tmp_path / "registry.db", tmp_path / "home", cards, "ade")) as opened:
        yield opened


def test_mulan_is_pulled_and_generates_with_the_text_half_of_internvl(hub: LocalHub, internvl: Path) -> None:
    pull(hub.registry.get("far-mulan"), hub.snapshot("far-mulan"), hub.registry, hub.store, endpoint=CLOSED)
    pipe: Any = load_pipeline("far-sd", adapter="far-mulan", hub=hub, device="cpu")
    pipe.set_progress_bar_config(disable=True)
    given, negative = pipe.encode_prompt("aja eye", "cpu", 1, True, language="zh")
    torch.manual_seed(5)
    module = build("resampler", SIZES).eval()
    encoder = TextEncoder.from_folder(internvl)
    with torch.no_grad():
        states_BLE, mask_BL = encoder.encode(["summarize:aja eye"], 80)
        kept = [place for place in range(80) if place not in {1, 2, 3}]
        expected = module(states_BLE[:, kept], mask_BL[:, kept].bool()).tokens_BLC
        plain, plain_mask = encoder.encode([""], 77)
        expected_negative = module(plain, plain_mask.bool()).tokens_BLC
    torch.testing.assert_close(given, expected)
    torch.testing.assert_close(negative, expected_negative)
    image = pipe("aja eye", language="zh", num_inference_steps=1, output_type="np").images
    assert image.shape == (1, 16, 16, 3)


def test_a_pull_without_a_result_leaves_nothing_behind(hub: LocalHub, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache" / "models--org--mulan" / "snapshots" / COMMIT)
    before = hub.registry.revisions("linguahub/far-mulan")
    from hub.errors import Unreachable

    with pytest.raises(Unreachable, match=r"`sd15_aesthetic\.pth` of `org/mulan`"):
        pull(hub.registry.get("far-mulan"), hub.snapshot("far-mulan"), hub.registry, hub.store, endpoint=CLOSED)
    assert hub.registry.revisions("linguahub/far-mulan") == before
