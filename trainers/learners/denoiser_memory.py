"""Fit a frozen denoiser into memory: keep its weights in bf16, and recompute its activations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import ModelMixin
from torch import nn

from hub.bases.frozen import FrozenBase
from hub.errors import InvalidRequest
from hub.weights.devices import is_kept_in_float32
from trainers.learners.learner import Learner, ModuleLearner
from trainers.learners.tuned_base import LoraLearner
from trainers.loop.precision import has_bf16
from trainers.loop.recipe import Recipe


def store_in_bf16(base: Any, learner: Learner, recipes: Sequence[Recipe]) -> None:
    """Convert the denoiser of `base` to bf16 if a GPU computes in bf16 anyway and no learner copies or compares its weights.

    For LoRAs, text encoders are converted as well, since they run in every step; a LoRA itself stays in fp32. This halves their memory
    (SDXL's denoiser: 5.1 instead of 10.3 GB), and autocast then need not convert weights in every step. CPUs keep fp32.
    """
    if not isinstance(base, FrozenBase) or base.device.type != "cuda":
        return
    if not has_bf16(base.device) or any(recipe.precision != "bf16" for recipe in recipes):
        return
    if isinstance(learner, ModuleLearner | LoraLearner):
        convert_to_bf16(base.denoiser)
    if isinstance(learner, LoraLearner):
        for each in base.text_encoders.values():
            convert_to_bf16(each)


def convert_to_bf16(denoiser: nn.Module) -> None:
    """Convert the weights of a frozen model, except those that its class keeps in fp32; buffers keep their type."""
    is_kept = is_kept_in_float32(denoiser, torch.bfloat16)
    for name, parameter in denoiser.named_parameters():
        if not is_kept(name):
            parameter.data = parameter.data.to(torch.bfloat16)


def is_in_bf16(denoiser: nn.Module) -> bool:
    """Return whether any weight is in bf16: the denoiser then needs autocast to read fp32 latents."""
    return any(parameter.dtype is torch.bfloat16 for parameter in denoiser.parameters())


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
            "`gradient_checkpointing` recomputes a denoiser's activations, and nothing here can do it: omit it."
        )
    for each in able:
        each.enable_gradient_checkpointing()
    try:
        yield
    finally:
        for each in able:
            each.disable_gradient_checkpointing()
