"""Token distillation: a module learns to say, of a text in any language, what the base's encoder says of its English.

No picture and no denoiser is looked at, so a step costs milliseconds. The loss is the token-wise MSE of GlueGen (Qin et
al., ICCV 2023) and CLKA, in units of the teacher's deviation, and the cosine between mean states.

Shape letters: B batch, L tokens of the encoder, E its width, S tokens the base reads, C their width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.errors import DoesNotFit
from trainers.learner import of_module
from trainers.losses import mean_cosine, token_mse
from trainers.material import Material
from trainers.method import Draw, Loss
from trainers.plan import Phase, Plan
from trainers.recipe import Recipe


class TokenDistillation:
    """module(encoder(text)) ≈ the base's states of the English meaning."""

    def __init__(
        self,
        module: nn.Module,
        material: Material,
        *,
        noise: float = 0.0,
        cosine: float = 1.0,
        empty_share: float = 0.05,
    ) -> None:
        """`noise` is the largest deviation of Gaussian noise on the input, in units of the input's own deviation."""
        self.module = module
        self.example_count = len(material.weights_N)
        self.example_weights: Tensor | None = material.weights_N
        self._material = material
        self._noise = noise
        self._cosine = cosine
        self._empty_share = empty_share
        self._mean_C = material.teacher_MSC.mean(dim=(0, 1))
        self._deviation_C = material.teacher_MSC.flatten(0, 1).std(dim=0).clamp_min(1e-4)
        pooled_MP = material.teacher_pooled_MP
        self._deviation_P = None if pooled_MP is None else pooled_MP.std(dim=0).clamp_min(1e-4)

    def loss(self, draw: Draw) -> Loss:
        """token_mse + cosine · mean_cosine, and token_mse of the pooled vector where the base reads one.

        Raises DoesNotFit when the module gives another number of tokens than the base's own encoder.
        """
        rows_B = emptied(draw, self._empty_share)
        states_BLE, mask_BL = self._material.texts(rows_B)
        if self._noise:
            strength_B = (
                torch.rand(len(rows_B), 1, 1, generator=draw.generator) * self._noise * self._material.deviation
            )
            noise_BLE = torch.randn(states_BLE.shape, generator=draw.generator) * strength_B
            states_BLE = states_BLE + noise_BLE.to(states_BLE.device)
        student_BSC, student_BP, _ = self.module(states_BLE, mask_BL)
        teacher_BSC, teacher_BP, _ = self._material.reading(rows_B)
        if student_BSC.shape != teacher_BSC.shape:
            raise DoesNotFit(
                f"token distillation compares token with token, and the module gives {student_BSC.shape[1]} where the base "
                f"reads {teacher_BSC.shape[1]}: leave the phase out, as the recipes of `mulan` do."
            )
        mse = token_mse(student_BSC, teacher_BSC, self._deviation_C)
        cosine = mean_cosine(student_BSC, teacher_BSC, self._mean_C)
        parts = {"mse": mse.detach(), "cosine": cosine.detach()}
        total = mse + self._cosine * cosine
        if self._deviation_P is not None and teacher_BP is not None:
            if student_BP is None:
                raise DoesNotFit("this base reads a pooled vector beside token states, and the module gives none.")
            pooled = token_mse(student_BP, teacher_BP, self._deviation_P)
            total, parts["pooled"] = total + pooled, pooled.detach()
        return Loss(total, parts)


def emptied(draw: Draw, share: float) -> Tensor:
    """The drawn rows with a random share replaced by row 0, the empty prompt, (B,)."""
    empty_B = torch.rand(len(draw.indices_B), generator=draw.generator) < share
    return draw.indices_B.masked_fill(empty_B, 0)


def projector_settings(encoder_width: int, base: FrozenBase) -> dict[str, Any]:
    """Three bias-free layers, four times as wide inside as what comes out; with a pooled head where the base reads one.

    Raises DoesNotFit for bases that hide pads: a projector says nothing of them.
    """
    if base.mask:
        raise DoesNotFit(f"a projector gives no mask, and this base ({base.family}) reads one: train `mulan` for it.")
    sizes = {"in_width": encoder_width, "out_width": base.width, "hidden_width": 4 * base.width, "linears": 3}
    return sizes if base.pooled_width is None else {**sizes, "pooled_width": base.pooled_width}


RECIPE = Recipe(
    steps=1500,
    batch_size=128,
    learning_rate=2e-3,
    optimizer="muon",
    warmup_steps=100,
    weight_decay=0.02,
    ema_decay=0.99,
)
PLAN = Plan(
    name="token-kd",
    learner=of_module("projector", "projector", projector_settings),
    length=None,
    phases=(Phase("distil", TokenDistillation, RECIPE),),
    story="Token distillation on texts alone: no picture and no denoiser was looked at.",
)
"""A projector learns this in fewer steps than a resampler: recall@1 of seen Yoruba names .94 against .72 after 1,200."""
