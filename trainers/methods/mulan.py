"""MuLan (Xing et al., ICML 2025, arXiv 2412.01271): a small adapter is trained through the frozen denoiser.

The original training code is unpublished; we assume its loss is the base's own denoising loss. On a small base a step
through the denoiser costs as much as fifty steps on texts, so the recipe starts with token distillation and ends with
denoising; the published MuLan has no first phase.

Shape letters: B batch, L tokens of the encoder, E its width, S tokens of the base, C their width, K H W a latent.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from hub.bases.families.stable_diffusion_xl import FrozenSDXL
from hub.bases.frozen import FrozenBase
from hub.errors import DoesNotFit
from trainers.inputs.conditioning import apply_module
from trainers.inputs.features import FeatureDataset
from trainers.learners.learner import make_module_learner
from trainers.learners.losses import prediction_mse
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.objectives.noise import draw_noisy
from trainers.objectives.objective import Objective, drop_prompts
from trainers.objectives.token_distillation import DISTIL, STORY, TokenDistillation
from trainers.recipes.plan import THROUGH_DENOISER, Phase, Plan

LENGTH = 20
"""Tokens of the encoder per text: 99 % of emoji names are shorter in every language."""


class Denoising(Objective[nn.Module]):
    """The base's own denoising loss, conditioned on module(encoder(text)), with a tenth of the prompts dropped."""

    compares_with_english = False

    def __init__(
        self, module: nn.Module, features: FeatureDataset, *, empty_share: float = 0.1, noise_offset: float = 0.0
    ) -> None:
        """Prepare the loss; see `objectives.noise.add_noise` for `noise_offset`.

        Raises `DoesNotFit` for a module that contains a layer of the denoiser, which must stay frozen.
        """
        if getattr(module, "add_embedding", None) is not None:
            raise DoesNotFit(
                "`add_embedding` replaces a layer of the denoiser, which is frozen during training: set it to 0."
            )
        self._noise_offset = noise_offset
        super().__init__(module, features)
        self._empty_share = empty_share

    def loss(self, draw: Draw) -> Loss:
        """Return the MSE between the denoiser's prediction and the target of its prediction type, a scalar."""
        rows_B = drop_prompts(draw, self._empty_share)
        # A dropped prompt keeps its image: this is how the base was trained on the empty prompt.
        base, batch = self._features.base, draw_noisy(self._features, draw, offset=self._noise_offset)
        student = apply_module(self.module, self._features, rows_B)
        prediction_BKHW = base.predict(batch.noised_BKHW, batch.steps_B, *student[:3], **batch.sizes)
        return Loss(prediction_mse(prediction_BKHW, batch.target_BKHW), {})


def architecture_for(base: FrozenBase) -> str:
    """Return the architecture of MuLan's adapter for a base: PixArt's for those with a mask, SDXL's for those with a pooled vector."""
    if base.mask:
        return "caption-projection"
    return "resampler" if base.pooled_width is None else "resampler-xl"


def variant_settings(encoder_width: int, base: FrozenBase) -> dict[str, Any]:
    """Return the sizes of MuLan's adapter: the base's width, one query per token of the base, padding masked.

    For SDXL the width of the second encoder comes first, 1280 | 768, as published; other bases with a pooled vector have no
    published adapter, and the two halves of their width are equal. PixArt and bases with a mask have no queries.
    """
    if base.mask:
        return {"in_width": encoder_width, "out_width": base.width}
    if base.pooled_width is not None:
        half = base.width // 2
        widths: tuple[int, ...] = base.widths[::-1] if isinstance(base, FrozenSDXL) else (half, base.width - half)
        sizes: dict[str, Any] = {"in_width": encoder_width, "widths": widths, "pooled_width": base.pooled_width}
    else:
        widths = (base.width,)
        sizes = {"in_width": encoder_width, "out_width": base.width}
    heads = max(heads for heads in (1, 2, 4, 8) if all(width % heads == 0 for width in widths))
    return {**sizes, "queries": base.length, "heads": heads, "mask": True}


NOISE = 0.3
"""Largest standard deviation of the noise on encoder states in the text phase, since held-out names lie near seen ones."""
LONG_DISTIL = replace(DISTIL, steps=4000, batch_size=64, weight_decay=0.0)
RECIPE = Recipe(steps=50, batch_size=64, learning_rate=5e-5, warmup_steps=10, weight_decay=0.0, ema_decay=0.9)
PLAN = Plan(
    name="mulan",
    learner=make_module_learner("adapter", architecture_for, variant_settings),
    length=LENGTH,
    keeps_base=True,
    phases=(
        Phase("distil", partial(TokenDistillation, noise=NOISE), LONG_DISTIL, description=STORY, with_mask=False),
        Phase(
            "denoise",
            Denoising,
            RECIPE,
            needs=THROUGH_DENOISER,
            description="the base's own denoising loss through the frozen denoiser",
        ),
    ),
    description="The published MuLan has the phase `denoise` alone.",
)
