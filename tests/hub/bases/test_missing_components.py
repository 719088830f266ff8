"""A base saved without one of its components, such as Stable Diffusion 3 without T5, loads and trains without further options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusion3Pipeline

from hub.bases.family import missing_components
from hub.bases.frozen import FrozenBase
from hub.loader import load_pipeline
from tests.builders.models.families import save_encoder, save_module, stable_diffusion_3
from tests.builders.models.tiny import LENGTH, clip_tokenizer

FAMILY = "stable-diffusion-3"
SMALL = {"height": 32, "width": 32, "num_inference_steps": 2, "output_type": "np"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(5)
    pipe = stable_diffusion_3(clip_tokenizer())
    pipe.register_modules(text_encoder_3=None, tokenizer_3=None)
    place = tmp_path_factory.mktemp("bases") / "without-t5"
    pipe.save_pretrained(place)
    return place


def draw(pipe: StableDiffusion3Pipeline, prompt: str = "a cat") -> np.ndarray:
    pipe.set_progress_bar_config(disable=True)
    images: np.ndarray = pipe(prompt, generator=torch.Generator().manual_seed(1), **SMALL).images
    return images


def test_a_component_that_was_saved_as_none_is_missing(folder: Path) -> None:
    assert {"text_encoder_3", "tokenizer_3"} <= missing_components(folder).keys()
    assert not {"text_encoder", "vae", "transformer", "_class_name"} & missing_components(folder).keys()


def test_a_base_without_t5_generates_the_images_of_diffusers(folder: Path) -> None:
    plain = StableDiffusion3Pipeline.from_pretrained(folder, text_encoder_3=None, tokenizer_3=None)
    assert np.array_equal(draw(load_pipeline(folder)), draw(plain))


def test_a_module_works_with_a_base_without_t5(folder: Path, tmp_path: Path) -> None:
    encoder = save_encoder(tmp_path / "tiny-xlmr")
    module = save_module(FAMILY, tmp_path / "mulan-yo", encoder)
    pipe = load_pipeline(folder, module, encoder=encoder, module_variant=FAMILY)
    own, other = draw(load_pipeline(folder), "aja"), draw(pipe, "aja")
    assert own.shape == other.shape
    assert not np.array_equal(own, other)


def test_training_leaves_out_the_tokens_of_a_t5_that_is_missing(folder: Path) -> None:
    base = FrozenBase.open(folder, torch.device("cpu"))
    states_BLC = base.read(["a cat", "a red house"]).tokens_BLC
    assert base.length == LENGTH
    assert states_BLC.shape == (2, LENGTH, base.width)
    assert states_BLC.any(dim=2).all()
