"""Token distillation: train a module to match, for a text in any language, the base encoder's states of its English meaning.

No images and no denoiser are used, so a step takes milliseconds. The loss is the token-wise MSE of GlueGen (Qin et al.,
ICCV 2023) and CLKA, in units of the teacher's standard deviation, plus the cosine between mean states.

Shape letters: B batch, L tokens of the encoder, E its width, M meanings, S tokens of the base, C their width, P pooled width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hub.errors import DoesNotFit
from trainers.inputs.features import FeatureDataset
from trainers.learners.losses import mean_cosine, token_mse
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import normal
from trainers.objectives.objective import Objective, drop_prompts

STORY = "token distillation on texts alone"
"""Description of the phase, for the card."""
DISTIL = Recipe(
    steps=1500,
    batch_size=128,
    learning_rate=2e-3,
    optimizer="muon",
    warmup_steps=100,
    weight_decay=0.02,
    ema_decay=0.99,
)


class TokenComparison:
    """Token-wise MSE and mean cosine, normalised by a teacher's mean and standard deviation over all meanings."""

    def __init__(self, teacher_MSC: Tensor) -> None:
        self._mean_C = teacher_MSC.mean(dim=(0, 1))
        self._deviation_C = teacher_MSC.flatten(0, 1).std(dim=0).clamp_min(1e-4)

    def __call__(self, student_BSC: Tensor, teacher_BSC: Tensor) -> tuple[Tensor, Tensor]:
        """Return both for student and teacher (B, S, C), as scalars."""
        mse = token_mse(student_BSC, teacher_BSC, self._deviation_C)
        return mse, mean_cosine(student_BSC, teacher_BSC, self._mean_C)


class TokenDistillation(Objective[nn.Module]):
    """Match module(encoder(text)) to the base's states of the English meaning."""

    def __init__(
        self,
        module: nn.Module,
        features: FeatureDataset,
        *,
        noise: float = 0.0,
        cosine: float = 1.0,
        empty_share: float = 0.05,
    ) -> None:
        """`noise` is the largest standard deviation of Gaussian noise on the input, in units of the input's own."""
        super().__init__(module, features)
        self._noise = noise
        self._cosine = cosine
        self._empty_share = empty_share
        tokens_MSC, pooled_MP, *_ = features.teacher_sample()
        self._compare = TokenComparison(tokens_MSC)
        self._deviation_P = None if pooled_MP is None else pooled_MP.std(dim=0).clamp_min(1e-4)

    def loss(self, draw: Draw) -> Loss:
        """Return token_mse + cosine · mean_cosine, plus token_mse of the pooled embedding if the base has one, a scalar.

        Raises `DoesNotFit` if the module's output differs in length from the base's, or lacks a pooled embedding.
        """
        rows_B = drop_prompts(draw, self._empty_share)
        states_BLE, mask_BL = self._features.encoder_states(rows_B)
        if self._noise:
            device = states_BLE.device
            strength_B = (
                torch.rand(len(rows_B), 1, 1, generator=draw.generator) * self._noise * self._features.deviation
            )
            noise_BLE = normal(states_BLE.shape, draw.generator, device)
            states_BLE = states_BLE + noise_BLE * strength_B.to(device, non_blocking=True)
        student_BSC, student_BP, *_ = self.module(states_BLE, mask_BL)
        teacher_BSC, teacher_BP, *_ = self._features.teacher_embeddings(rows_B)
        if student_BSC.shape != teacher_BSC.shape:
            raise DoesNotFit(
                f"token distillation needs as many tokens from the module as from the base, but the module outputs "
                f"{student_BSC.shape[1]} and the base {teacher_BSC.shape[1]}: omit the phase, as the recipes of `mulan` do."
            )
        mse, cosine = self._compare(student_BSC, teacher_BSC)
        parts = {"mse": mse.detach(), "cosine": cosine.detach()}
        total = mse + self._cosine * cosine
        if self._deviation_P is not None and teacher_BP is not None:
            if student_BP is None:
                raise DoesNotFit(
                    "this base needs a pooled embedding beside token embeddings, but the module outputs none."
                )
            pooled = token_mse(student_BP, teacher_BP, self._deviation_P)
            total, parts["pooled"] = total + pooled, pooled.detach()
        return Loss(total, parts)
