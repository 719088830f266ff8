"""MuLan (Xing et al., ICML 2025, arXiv 2412.01271): a small adapter learns through the frozen denoiser.

The original's training code is unpublished; its loss is taken to be the base's own denoising loss. On a small base a
step through the denoiser costs as much as fifty steps on text, so the recipe begins with token distillation and ends
with denoising; the published MuLan has no such beginning.

Shape letters: B batch, L tokens of the encoder, E its width, S tokens the base reads, C their width, K H W a latent.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from hub.bases.frozen import FrozenBase
from hub.bases.stable_diffusion_xl import FrozenSDXL
from hub.errors import DoesNotFit
from trainers.inputs.conditioning import apply_module
from trainers.inputs.features import FeatureDataset
from trainers.learners.learner import of_module
from trainers.learners.losses import prediction_mse
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.objectives.noise import add_noise
from trainers.objectives.objective import Objective, drop_prompts
from trainers.objectives.token_distillation import DISTIL, TokenDistillation
from trainers.recipes.plan import THROUGH_DENOISER, Phase, Plan

LENGTH = 20
"""Tokens of an encoder's text: 99 of 100 names of emoji are shorter in any language."""


class Denoising(Objective[nn.Module]):
    """The base's own loss, conditioned on module(encoder(text)); a tenth of the texts is empty."""

    def __init__(
        self, module: nn.Module, features: FeatureDataset, *, empty_share: float = 0.1, noise_offset: float = 0.0
    ) -> None:
        """`noise_offset`: see `add_noise`. DoesNotFit for a module that holds a layer of the denoiser, which stays frozen."""
        if getattr(module, "add_embedding", None) is not None:
            raise DoesNotFit(
                "`add_embedding` stands for a layer of the denoiser, and training leaves that frozen: set it to 0."
            )
        self._noise_offset = noise_offset
        super().__init__(module, features)
        self._empty_share = empty_share

    def loss(self, draw: Draw) -> Loss:
        """MSE between the denoiser's prediction and the target of its prediction type."""
        rows_B = drop_prompts(draw, self._empty_share)
        # The image is that of the drawn text even where the text is dropped: so the base learnt its empty prompt.
        latents_BKHW = self._material.latents(draw.indices_B)
        batch = add_noise(latents_BKHW, self._material.base, draw.generator, offset=self._noise_offset)
        student = apply_module(self.module, self._material, rows_B)
        prediction_BKHW = self._material.base.predict(batch.noised_BKHW, batch.steps_B, *student)
        return Loss(prediction_mse(prediction_BKHW, batch.target_BKHW), {})


ARCHITECTURES = {"stable-diffusion-xl": "resampler-xl", "pixart": "caption-projection"}
"""MuLan's variants by family; every other family has the resampler."""


def variant(base: FrozenBase) -> str:
    """The architecture of MuLan's variant for a base."""
    return ARCHITECTURES.get(base.family, "resampler")


def variant_settings(encoder_width: int, base: FrozenBase) -> dict[str, Any]:
    """MuLan's adapter at the base's width, with one query per token the base reads; pads are hidden from it.

    For SDXL the second encoder's width comes first, 1280 | 768, as published; for PixArt there are no queries.
    """
    if base.family == "pixart":
        return {"in_width": encoder_width, "out_width": base.width}
    if isinstance(base, FrozenSDXL):
        widths: tuple[int, ...] = base.widths[::-1]
        sizes: dict[str, Any] = {"in_width": encoder_width, "widths": widths, "pooled_width": base.pooled_width}
    else:
        widths = (base.width,)
        sizes = {"in_width": encoder_width, "out_width": base.width}
    heads = max(heads for heads in (1, 2, 4, 8) if all(width % heads == 0 for width in widths))
    return {**sizes, "queries": base.length, "heads": heads, "mask": True}


NOISE = 0.3
"""Largest deviation of noise on what the text phase reads: held-out names land near seen ones, not on them."""
LONG_DISTIL = replace(DISTIL, steps=4000, batch_size=64, weight_decay=0.0)
RECIPE = Recipe(steps=50, batch_size=64, learning_rate=5e-5, warmup_steps=10, weight_decay=0.0, ema_decay=0.9)
PLAN = Plan(
    name="mulan",
    learner=of_module("adapter", variant, variant_settings),
    length=LENGTH,
    phases=(
        Phase("distil", partial(TokenDistillation, noise=NOISE), LONG_DISTIL),
        Phase("denoise", Denoising, RECIPE, needs=THROUGH_DENOISER),
    ),
    story=(
        "Two phases on one module: token distillation on texts alone, then the base's own denoising loss through the "
        "frozen denoiser. The published MuLan has the second phase only."
    ),
)
