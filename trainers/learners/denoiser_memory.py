"""Fit a frozen denoiser into memory: keep its weights in bf16 or in 8 bits, and recompute its activations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import ModelMixin
from torch import nn

from hub.bases.frozen import FrozenBase
from hub.errors import InvalidRequest
from hub.weights.devices import is_kept_in_float32


def convert_to_bf16(denoiser: nn.Module) -> None:
    """Convert the weights of a frozen model, except those that its class keeps in fp32; buffers keep their type."""
    is_kept = is_kept_in_float32(denoiser, torch.bfloat16)
    for name, parameter in denoiser.named_parameters():
        if not is_kept(name):
            parameter.data = parameter.data.to(torch.bfloat16)


@contextmanager
def recompute_activations(base: Any, module: nn.Module, *, enabled: bool) -> Iterator[None]:
    """Inside the context, compute activations of the denoisers of `base` and `module` again in the backward pass if `enabled`.

    Losses and gradients are the same. Raises `InvalidRequest` if no denoiser can do it.
    """
    if not enabled:
        yield
        return
    frozen = [base.denoiser] if isinstance(base, FrozenBase) else []
    denoisers = [each for each in (*frozen, *module.modules()) if isinstance(each, ModelMixin)]
    able = [each for each in denoisers if each._supports_gradient_checkpointing]  # noqa: SLF001 - has no public name
    if not able:
        raise InvalidRequest(
            "`gradient_checkpointing` recomputes a denoiser's activations, which this method does not support: omit it."
        )
    for each in able:
        each.enable_gradient_checkpointing()
    try:
        yield
    finally:
        for each in able:
            each.disable_gradient_checkpointing()
