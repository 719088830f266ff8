"""Check bases and encoders in 8 and 4 bits, on families whose layers are wide enough for 4-bit blocks."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import BitsAndBytesConfig, TorchAoConfig

from hub.weights.module_size import bytes_of
from tests.compatibility.case import PROMPT, Case, denoiser_of

SMALL = {"8bit": "Int8Tensor", "4bit": "Params4bit"}
"""The class of a layer's weight after quantisation."""


def base_in_8_bits(case: Case) -> None:
    _base(case.wide, "8bit", near=0.01)


def base_in_4_bits(case: Case) -> None:
    _base(case.wide, "4bit", near=0.1)


def encoder_in_8_bits(case: Case) -> None:
    from torchao.quantization import Int8WeightOnlyConfig

    _encoder(case.wide, "8bit", TorchAoConfig(Int8WeightOnlyConfig()), near=0.02)


def encoder_in_4_bits(case: Case) -> None:
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
    _encoder(case.wide, "4bit", config, near=0.3)


def _base(case: Case, word: str, *, near: float) -> None:
    """Check that the module's output stays, and the base is smaller and generates nearly the same image.

    `near` is the tolerance as a share of the range from black to white.
    """
    pipe, before = case.load(quantisation=word), case.drawn
    part, whole = denoiser_of(pipe), denoiser_of(case.pipe)
    small = _small(part, word)
    assert small
    # Of four bytes per parameter, one or a half is left; scales take 4 bytes per row of 64, or per block.
    saved = sum(whole.get_submodule(name).weight.nbytes for name in small) * (0.6 if word == "8bit" else 0.8)
    assert bytes_of(part) < bytes_of(whole) - saved
    case.reads_as_directly(pipe, [PROMPT, "ile"])
    drawn = case.differs(pipe)
    assert not torch.equal(drawn, before)
    assert (drawn - before).abs().mean() < near


def _encoder(case: Case, word: str, config: Any, *, near: float) -> None:
    """Check that the module gets the output of transformers' quantised encoder, which is close to the unquantised one."""
    pipe = case.load(encoder_quantisation=word)
    encoder = pipe._prompt_encoder._module_cache["mulan-yo"].encoder.model
    assert _small(encoder, word)
    case.reads_as_directly(pipe, [PROMPT, "ile"], how={"quantization_config": config, "device_map": {"": "cpu"}})
    found, exact = case.encode(pipe, [PROMPT])["tokens"], case.direct([PROMPT]).tokens_BLC
    assert (found.float() - exact).norm() < near * exact.norm()
    case.differs(pipe)


def _small(model: nn.Module, word: str) -> list[str]:
    return [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) and type(layer.weight).__name__ == SMALL[word]
    ]
