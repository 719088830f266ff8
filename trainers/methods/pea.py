"""PEA-Diffusion (Ma et al., ECCV 2024, arXiv 2311.17086): a projector distils the base from itself.

Teacher and student are one frozen denoiser on the same noisy latents: the teacher reads the English text through the
base's encoder, the student the other language through the projector.

    L = z · MSE(ε_student, target) + (1 − z) · [MSE(ε_student, ε_teacher) + 0.1 · Σ MSE(block outputs)]

z is 1 where a picture belongs to the text's own language and culture, 0 where the text is a translation.

Shape letters: B batch, L tokens of the encoder, E its width, S tokens the base reads, C their width, K H W a latent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trainers.learner import of_module
from trainers.losses import feature_mse, prediction_mse
from trainers.material import Material
from trainers.method import Draw, Loss
from trainers.methods import token_kd
from trainers.methods.mulan import noise
from trainers.methods.token_kd import TokenDistillation, emptied, projector_settings
from trainers.plan import THROUGH_DENOISER, Phase, Plan
from trainers.recipe import Recipe


class HybridDistillation:
    """Distillation from the English prompt for translations, denoising for what is native."""

    def __init__(
        self,
        module: nn.Module,
        material: Material,
        *,
        native_share: float = 0.0,
        feature_weight: float = 0.1,
        empty_share: float = 0.1,
    ) -> None:
        """`native_share` of every batch has z = 1."""
        self.module = module
        self.example_count = len(material.weights_N)
        self.example_weights: Tensor | None = material.weights_N
        self._material = material
        self._native_share = native_share
        self._feature_weight = feature_weight
        self._empty_share = empty_share

    def loss(self, draw: Draw) -> Loss:
        """L as above, with the base's own target in place of ε where it predicts velocity."""
        base = self._material.base
        rows_B = emptied(draw, self._empty_share)
        batch = noise(self._material.latents(draw.indices_B), base, draw.generator)
        native_B = (torch.rand(len(rows_B), generator=draw.generator) < self._native_share).float().to(base.device)
        with torch.no_grad(), block_outputs(base.unet) as teacher_features:
            teacher_BKHW = base.predict(batch.noised_BKHW, batch.steps_B, self._material.teacher(rows_B))
        states_BLE, mask_BL = self._material.texts(rows_B)
        with block_outputs(base.unet) as student_features:
            states_BSC = self.module(states_BLE, mask_BL).tokens_BLC
            student_BKHW = base.predict(batch.noised_BKHW, batch.steps_B, states_BSC)
        denoising = prediction_mse(student_BKHW, batch.target_BKHW, native_B)
        logits = prediction_mse(student_BKHW, teacher_BKHW, 1 - native_B)
        features = feature_mse(student_features, teacher_features, 1 - native_B)
        total = denoising + logits + self._feature_weight * features
        parts = {"denoising": denoising.detach(), "logits": logits.detach(), "features": features.detach()}
        return Loss(total, parts)


@contextmanager
def block_outputs(unet: Any) -> Iterator[list[Tensor]]:
    """Collects the first output of every down, mid and up block that runs while it lasts, in that order."""
    outputs: list[Tensor] = []

    def keep(_block: nn.Module, _inputs: Any, output: Any) -> None:
        outputs.append(output[0] if isinstance(output, tuple) else output)

    hooks = [block.register_forward_hook(keep) for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks)]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


RECIPE = Recipe(steps=60, batch_size=32, learning_rate=2e-4, warmup_steps=10, weight_decay=0.0, ema_decay=0.9)
PLAN = Plan(
    name="pea",
    learner=of_module("projector", "projector", projector_settings),
    length=None,
    phases=(
        Phase("distil", TokenDistillation, token_kd.RECIPE),
        Phase("hybrid", HybridDistillation, RECIPE, needs=THROUGH_DENOISER),
    ),
    story=(
        "Two phases on one module: token distillation on texts alone, then PEA's hybrid distillation, where one frozen "
        "denoiser is teacher (English prompt) and student. The published PEA-Diffusion has the second phase only."
    ),
)
