"""A base in 8 or 4 bits: conflicting options, layers that are not quantised, and diffusers' own configurations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from hub.errors import DoesNotFit, InvalidRequest, MissingExtra
from hub.weights.module_size import bytes_of


def kinds(model: nn.Module) -> set[str]:
    return {type(layer.weight).__name__ for layer in model.modules() if isinstance(layer, nn.Linear)}


def test_without_its_library_one_line_names_the_extra(
    load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.weights.quantisation.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pip install 'linguahub\[quantise\]'"):
        load(quantisation="4bit")


def test_an_unknown_quantisation_and_two_at_once_are_refused(load: Callable[..., Any]) -> None:
    with pytest.raises(InvalidRequest, match="unknown quantisation `fp8`: choose 8bit or 4bit"):
        load(quantisation="fp8")
    with pytest.raises(InvalidRequest, match="`quantisation='8bit'` and `device_map=` cannot be used together"):
        load(quantisation="8bit", device_map="balanced")


def test_the_text_encoder_is_quantised_and_the_autoencoder_is_not(load: Callable[..., Any]) -> None:
    plain, pipe = load(), load(quantisation="8bit")
    assert "Int8Tensor" in kinds(pipe.unet)
    assert "Int8Tensor" in kinds(pipe.text_encoder)
    for mine, theirs in zip(pipe.vae.parameters(), plain.vae.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_diffusers_quantisation_config_is_passed_to_diffusers(
    load: Callable[..., Any], make_module: Callable[..., Path], draw: Callable[..., torch.Tensor]
) -> None:
    from diffusers import PipelineQuantizationConfig, TorchAoConfig
    from torchao.quantization import Int8WeightOnlyConfig

    wanted = PipelineQuantizationConfig(quant_mapping={"unet": TorchAoConfig(Int8WeightOnlyConfig())})
    theirs = load(make_module("mulan-yo"), quantization_config=wanted)
    ours = load(make_module("mulan-yo"), quantisation="8bit")
    assert kinds(theirs.unet) == kinds(ours.unet)
    assert bytes_of(theirs.unet) == bytes_of(ours.unet)
    assert torch.equal(draw(theirs, "aja"), draw(ours, "aja"))


def test_a_full_denoiser_replaces_one_in_8_bits_and_is_refused_for_one_in_4(
    load: Callable[..., Any], make_change: Callable[[str], Path], draw: Callable[..., torch.Tensor]
) -> None:
    folder = make_change("weights")
    pipe = load(folder, quantisation="8bit", language="yo")
    through = draw(pipe, "aja", language="yo")
    pipe.unload()
    assert kinds(pipe.unet) >= {"Int8Tensor"}
    assert not torch.equal(through, draw(pipe, "aja"))
    with pytest.raises(DoesNotFit, match=r'`weights-yo`.* in 4 bits: load it without `quantisation`, or in "8bit"'):
        load(folder, quantisation="4bit")
