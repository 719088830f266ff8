"""Bases get the sizes of images as from their pipelines, and predict for images that are not square."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from hub.bases.frozen import FrozenBase
from tests.builders.training.flow_bases import PIXELS, save_flow_base

CPU = torch.device("cpu")
HEIGHT, WIDTH = 24, 40
CROPPED = {"original_size": (300, 500), "crops_coords_top_left": (3, 7), "target_size": (HEIGHT, WIDTH)}
ASKED: dict[str, dict[str, Any]] = {
    "sd15": {}, "sd21": {}, "sdxl": CROPPED, "pixart": {"use_resolution_binning": False, "clean_caption": False},
}  # fmt: skip


def heard(folder: Path, prompt: str | None = "dog", **settings: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return latents, timesteps and prediction of the first call of the denoiser in the pipeline."""
    pipe = getattr(diffusers, json.loads((folder / "model_index.json").read_text())["_class_name"]).from_pretrained(
        folder
    )
    pipe.set_progress_bar_config(disable=True)
    said: list[Any] = []

    def listen(_module: Any, arguments: Any, named: Any, output: Any) -> None:
        latents = arguments[0] if arguments else named["hidden_states"]
        steps = arguments[1] if len(arguments) > 1 else named["timestep"]
        said.extend([latents, steps.reshape(-1)[:1], output[0]])

    getattr(pipe, "transformer", getattr(pipe, "unet", None)).register_forward_hook(listen, with_kwargs=True)
    pipe(prompt, num_inference_steps=2, guidance_scale=1.0, output_type="latent", **settings)
    return said[0], said[1], said[2]


@pytest.mark.parametrize("name", ASKED)
def test_an_image_that_is_not_square_is_predicted_as_by_the_pipeline(
    name: str, original: Callable[[str], Path]
) -> None:
    base = FrozenBase.open(original(name), CPU)
    assert base.takes_any_shape
    latents, steps, expected = heard(original(name), height=HEIGHT, width=WIDTH, **ASKED[name])
    sizes = torch.tensor([[300.0, 500, 3, 7, HEIGHT, WIDTH]])
    found = base.predict(latents, steps, *base.read(["dog"])[:3], sizes_B6=sizes)
    assert found.shape[-2:] == (HEIGHT // base.factor, WIDTH // base.factor)
    torch.testing.assert_close(found, expected[:, :4], atol=1e-5, rtol=1e-4)
    untold = base.predict(latents, steps, *base.read(["dog"])[:3])
    assert torch.equal(untold, found) == (name != "sdxl"), "the small PixArt does not read the size"


def test_cogview4_receives_a_crop_as_from_its_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.bases.sizes.SIDE", PIXELS)
    folder = save_flow_base("cogview4", tmp_path)
    base = FrozenBase.open(folder, CPU)
    told = {"original_size": (300, 500), "crops_coords_top_left": (3, 7)}
    tokens = base.read(["dog"]).tokens_BLC
    latents, steps, expected = heard(folder, None, prompt_embeds=tokens, height=PIXELS, width=PIXELS, **told)
    sizes = torch.tensor([[300.0, 500, 3, 7, PIXELS, PIXELS]])
    torch.testing.assert_close(
        base.predict(latents, steps, tokens, sizes_B6=sizes), expected.float(), atol=1e-5, rtol=1e-4
    )
    assert not torch.allclose(base.predict(latents, steps, tokens), expected.float())


def test_the_large_pixart_is_told_the_original_size_and_the_aspect_ratio_of_the_crop(
    original: Callable[[str], Path],
) -> None:
    base: Any = FrozenBase.open(original("pixart"), CPU)
    base.denoiser.use_additional_conditions = True
    sizes = torch.tensor([[300.0, 500, 3, 7, HEIGHT, WIDTH], [64, 64, 0, 0, 32, 32]])
    found = base.conditions(torch.zeros(2, 3, 4), None, None, sizes)["added_cond_kwargs"]
    assert found["resolution"].tolist() == [[300, 500], [64, 64]]
    assert found["aspect_ratio"].flatten().tolist() == pytest.approx([0.6, 1.0])
