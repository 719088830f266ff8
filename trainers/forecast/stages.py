"""Count the stages of a run: the filling of the caches, and a step of each phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from diffusers import ModelMixin
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from hub.bases.frozen import FrozenBase
from hub.errors import DoesNotFit
from trainers.forecast.count_step import count, count_step
from trainers.forecast.forecast import Activations, Stage
from trainers.forecast.opened import Opened, bytes_of, denoiser_bytes
from trainers.forecast.planned_features import rows_of_step
from trainers.inputs.latents.image_latents import IMAGES, PIXELS
from trainers.learners.denoiser_memory import recompute_activations
from trainers.loop.method import Draw
from trainers.loop.precision import precision_on
from trainers.loop.sampler import generator_of
from trainers.recipes.plan import Phase
from trainers.recipes.weight_types import PRECISIONS

TEXTS_AT_ONCE = 256
"""Texts that a cache computes at a time, as `load_or_compute` does."""


def count_caches(opened: Opened) -> tuple[Stage, float]:
    """Return the stage that fills the caches, and its operations."""
    base, needs = opened.base, opened.plan.needs
    resident = {"encoders": bytes_of(*opened.readers), "autoencoder": 0}
    if isinstance(base, FrozenBase):
        resident["autoencoder"] = bytes_of(base.autoencoder)
    peak, flops = 0, 0.0
    for need in needs:
        work, at_once, rows = _cache_work(need, opened)
        in_bf16 = torch.bfloat16 if need == "sentences" and opened.types.has_bf16 else None
        with torch.no_grad():
            counted = count(work, opened.models, precision=in_bf16)
        peak, flops = max(peak, counted.peak_bytes), flops + counted.flops / at_once * rows * opened.scale
    return Stage("caches", 0, 0, 1, resident, Activations(False, peak, 0)), flops


def _cache_work(need: str, opened: Opened) -> tuple[Callable[[], Any], int, int]:
    """Return what computes some rows of a feature, how many, and how many there are."""
    features, base = opened.features, opened.base
    texts = ["a"] * TEXTS_AT_ONCE
    length = features.prompt_rules.positive.length
    match need:
        case "states":
            return lambda: features.encoder.encode(texts, length), TEXTS_AT_ONCE, len(features.texts_N)
        case "teacher":
            return lambda: base.read(texts), TEXTS_AT_ONCE, len(features.english_M)
        case "latents":
            crops = features.image_latents.crops
            height, width = (base.side, base.side) if crops is None else crops.shapes[crops.largest]
            few = max(1, min(IMAGES, PIXELS // (height * width)))
            images = torch.zeros(few, 3, height, width, dtype=torch.uint8)
            encode = base.posterior if features.sample_latents else base.latents
            rows = sum(cache.shape[0] for cache in features.caches("latents"))
            return lambda: encode(images, resize=False), few, rows
        case "captions":
            return lambda: features.dual.text_features(texts), TEXTS_AT_ONCE, len(features.english_M)
        case "images":
            images = torch.zeros(16, 3, 64, 64, dtype=torch.uint8)
            return lambda: features.dual.image_features(images), 16, len(features.concept_M)
        case _:
            encoder, phrases = features.sentence_encoder, features.phrases
            assert encoder is not None, "the plan reads sentences"
            rows = len(phrases.english_P) + len(phrases.texts_N)
            return lambda: encoder.encode(texts[:64], length), 64, rows


def count_phase(phase: Phase, module: nn.Module, opened: Opened) -> Stage:
    """Count a step of a phase. Raises DoesNotFit if its step needs the values of weights."""
    recipe, plan, base = phase.recipe, opened.plan, opened.base
    at_once = max(1, recipe.batch_size // recipe.accumulation)
    method = phase.make(module, opened.features)
    trained = sum(each.numel() for each in module.parameters() if each.requires_grad)
    has_denoiser = (
        "latents" in plan.needs and isinstance(base, FrozenBase) and getattr(module, "denoiser", None) is None
    )
    dual = () if isinstance(base, FrozenBase) else (base.model,)
    vision = () if opened.features.vision is None else (opened.features.vision.model,)
    resident = {
        "denoiser": denoiser_bytes(base.denoiser, opened.types) if has_denoiser else 0,
        "dual encoder": bytes_of(*dual, *vision),
        "module": bytes_of(module),
        "gradients": 4 * trained,
        "optimizer": (4 if recipe.optimizer == "muon" else 8) * trained,
        "average": 4 * trained if recipe.ema_decay else 0,
    }
    precision = recipe.precision if opened.is_gpu else precision_on(torch.device("cpu"), recipe.precision)
    autocast = None if precision == "no" else PRECISIONS[precision]
    rows_B = rows_of_step(opened.features, method.example_count, at_once, with_images="latents" in phase.needs)
    draw = Draw(0, rows_B, generator_of(0, "noise", 0, 0))

    def counted(*, recompute: bool) -> Activations:
        with _attention(is_gpu=opened.is_gpu), recompute_activations(base, module, enabled=recompute):
            found = count_step(lambda: method.loss(draw).total, [*opened.models, module], precision=autocast)
        return Activations(recompute, found.peak_bytes, found.flops)

    denoisers = [base.denoiser] if has_denoiser else []
    can_recompute = "latents" in phase.needs and any(
        isinstance(each, ModelMixin) and each._supports_gradient_checkpointing  # noqa: SLF001 - has no public name
        for each in (*denoisers, *module.modules())
    )
    try:
        found = counted(recompute=recipe.gradient_checkpointing)
        other = counted(recompute=not recipe.gradient_checkpointing) if can_recompute else None
    except (RuntimeError, IndexError) as error:  # of an operation whose shapes depend on values, or that `meta` lacks
        reason = str(error).strip().partition("\n")[0][:120]
        raise DoesNotFit(
            f"a step of `{phase.name}` cannot be counted without weights ({reason}): measure it with `--steps 10`."
        ) from error
    return Stage(phase.name, recipe.steps, recipe.batch_size, at_once, resident, found, other)


@contextmanager
def _attention(*, is_gpu: bool) -> Iterator[None]:
    """Choose the attention of training: plain on CPUs, which `Weightless` leaves fused on a GPU."""
    with nullcontext() if is_gpu else sdpa_kernel(SDPBackend.MATH):
        yield
