"""A module that reads the timestep runs in front of the denoiser at every step, and leaves no trace of itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hub.loader.patches.timestep_hook import append_mask, per_row, split_mask
from hub.systems import architectures
from tests.builders.models.changes import Stepped


@pytest.fixture
def stepped(make_module: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:

    from hub.weights.strict import save_weights

    monkeypatch.setitem(architectures.ARCHITECTURES, "stepped", "tests.builders.models.changes:Stepped")
    folder = make_module("ella")
    variant = folder / "tiny-sd"
    config = json.loads((variant / "config.json").read_text())
    sizes = {"in_width": 24, "out_width": 32}
    config |= {"architecture": "stepped", "module": sizes, "conditioning": config["conditioning"] | {"length": 12}}
    (variant / "config.json").write_text(json.dumps(config))
    torch.manual_seed(3)
    save_weights(Stepped(**sizes), variant / "model.safetensors")
    return folder


def test_it_runs_at_every_step_and_is_removed_without_a_trace(
    load: Callable[..., Any], draw: Callable[..., Tensor], stepped: Path, make_module: Callable[..., Path]
) -> None:
    own = draw(load(), "aja")
    pipe = load([stepped, make_module("mulan-sw", ("sw",), seed=4)])
    module = next(each.module for each in pipe._prompt_encoder._module_cache.values() if each.name == "ella")
    pipe.set_adapters("ella")
    states, _ = pipe.encode_prompt("aja", pipe.device, 1, False)
    assert states.shape == (1, 12, 25)  # the encoder's states, and their mask
    through = draw(pipe, ["aja", "eye"], num_images_per_prompt=2)
    assert len(through) == 4
    steps = [step for _, step in module.seen]
    assert [len(each) for each in steps] == [8, 8]  # two prompts, two images each, with their negatives
    assert steps[0][0] > steps[1][0]
    assert len({*steps[0]}) == 1
    pipe.set_adapters("mulan-sw")
    other = draw(pipe, "aja")
    assert len(module.seen) == 2
    pipe.unload()
    assert torch.equal(draw(pipe, "aja"), own)
    assert not torch.equal(other, own)
    assert not pipe.unet._forward_pre_hooks


def test_the_denoiser_reads_the_output_of_the_module(load: Callable[..., Any], stepped: Path) -> None:
    pipe = load(stepped)
    module = next(iter(pipe._prompt_encoder._module_cache.values())).module
    states, _ = pipe.encode_prompt("aja", pipe.device, 1, False)
    tokens, mask = split_mask(states)
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = pipe.unet(latents, 500, states).sample
        finished = module(tokens, mask, torch.tensor([500])).tokens_BLC
        assert torch.equal(found, pipe.unet(latents, 500, finished).sample)


def test_timesteps_can_be_shared_or_per_row_and_masks_are_restored() -> None:
    cpu = torch.device("cpu")
    assert per_row(3, 2, cpu).tolist() == per_row(torch.tensor(3), 2, cpu).tolist() == [3, 3]
    assert per_row(torch.tensor([3, 4]), 2, cpu).tolist() == [3, 4]
    tokens, mask = torch.randn(2, 5, 4).half(), torch.tensor([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]).bool()
    again, counts = split_mask(append_mask(tokens, mask))
    assert torch.equal(again, tokens)
    assert torch.equal(counts, mask)
