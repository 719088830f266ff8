"""Stable Diffusion XL reads modules that give a pooled vector, and is itself without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline

from hub.bases import conditioning_of
from hub.conditioning import Conditioning
from hub.errors import DoesNotFit
from hub.systems.architectures import build
from hub.weights.strict import save_weights
from tests.builders.models.originals import ENCODER, POOLED, SECOND, WIDTH

SIZES = {"in_width": 24, "widths": [SECOND, WIDTH], "pooled_width": POOLED, "queries": 8, "heads": 4}


@pytest.fixture
def module_folder(tmp_path: Path, encoder_folder: Path) -> Callable[..., Path]:
    """A MuLan module for the tiny SDXL, with rules of prompts."""
    from hub.weights.digest import digest_of

    def make(**prompt: Any) -> Path:
        assert ENCODER == 24
        torch.manual_seed(1)
        variant = tmp_path / "mulan-xl" / "tiny-xl"
        config = {
            "format": 1, "kind": "adapter", "method": "mulan", "architecture": "resampler-xl", "module": SIZES,
            "base": {"name": "linguahub/tiny-xl", "digest": ""},
            "encoder": {"name": "linguahub/tiny-xlmr", "digest": digest_of(encoder_folder), "readout": "last_hidden_state"},
            "conditioning": {"width": WIDTH + SECOND, "length": 8, "pooled_width": POOLED, "mask": False},
            "prompt": {"prefix": "", "drop": [], "length": 12, **prompt}, "languages": ["yo"], "run": {}, "parent": "",
        }  # fmt: skip
        save_weights(build("resampler-xl", SIZES), variant / "model.safetensors")
        (variant / "config.json").write_text(json.dumps(config))
        return variant.parent

    return make


def test_its_conditioning_is_read_from_configuration(xl_folder: Path) -> None:
    assert conditioning_of(xl_folder) == Conditioning(width=WIDTH + SECOND, pooled_width=POOLED)


def test_a_prompt_is_encoded_by_the_module(
    load: Callable[..., Any], xl_folder: Path, module_folder: Callable[..., Path], draw: Callable[..., torch.Tensor]
) -> None:
    pipe = load(module_folder(), base=xl_folder)
    assert isinstance(pipe, StableDiffusionXLPipeline)
    states, negative, pooled, negative_pooled = pipe.encode_prompt("aja")
    assert states.shape == negative.shape == (1, 8, WIDTH + SECOND)
    assert pooled.shape == negative_pooled.shape == (1, POOLED)
    assert negative_pooled.abs().sum() > 0
    there = draw(pipe, "aja", height=32, width=32)
    pipe.unload()
    assert not torch.equal(there, draw(pipe, "aja", height=32, width=32))


def test_negatives_whose_pooled_vector_is_zero_are_so(
    load: Callable[..., Any], xl_folder: Path, module_folder: Callable[..., Path]
) -> None:
    pipe = load(module_folder(negative={"length": 12, "pooled": "zeros"}), base=xl_folder)
    _, negative, pooled, negative_pooled = pipe.encode_prompt("aja")
    assert negative_pooled.abs().sum() == 0
    assert min(pooled.abs().sum(), negative.abs().sum()) > 0


def test_without_a_module_its_images_are_its_own(
    load: Callable[..., Any], xl_folder: Path, draw: Callable[..., torch.Tensor]
) -> None:
    own = StableDiffusionXLPipeline.from_pretrained(xl_folder)
    own.set_progress_bar_config(disable=True)
    settings = {"height": 32, "width": 32, "negative_prompt": "cat"}
    assert torch.equal(draw(load(base=xl_folder), "dog", **settings), draw(own, "dog", **settings))


def test_a_prompt_for_the_second_encoder_is_refused_when_a_module_reads(
    load: Callable[..., Any], xl_folder: Path, module_folder: Callable[..., Path]
) -> None:
    pipe = load(module_folder(), base=xl_folder)
    with pytest.raises(DoesNotFit, match="`prompt_2` is for the base's second encoder"):
        pipe.encode_prompt("aja", "dog")


def test_other_routes_read_the_same_way(
    load: Callable[..., Any], xl_folder: Path, module_folder: Callable[..., Path]
) -> None:
    pipe = load(module_folder(), base=xl_folder)
    other = pipe.into(StableDiffusionXLImg2ImgPipeline)
    assert torch.equal(other.encode_prompt("aja")[2], pipe.encode_prompt("aja")[2])


def test_a_module_without_a_pooled_vector_does_not_fit(
    load: Callable[..., Any], xl_folder: Path, make_module: Callable[..., Path]
) -> None:
    with pytest.raises(DoesNotFit, match=f"pooled {POOLED}"):
        load(make_module("mulan-yo"), base=xl_folder, module_variant="tiny-sd")
