"""Contrastive distillation: a text must find its own English meaning among those of the whole batch.

The loss is InfoNCE (van den Oord et al. 2018, arXiv 1807.03748, equation 4) between mean token states, with the negatives
of all processes.

Shape letters: B batch, L tokens of the encoder, E its width, S tokens the base reads, C their width, R rows of all
processes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainers.inputs.features import FeatureDataset
from trainers.learners.contrast import all_gather_rows
from trainers.learners.learner import make_module_learner, projector_settings
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe
from trainers.recipes.plan import Phase, Plan


class ContrastiveDistillation:
    """InfoNCE between module(encoder(text)) and the base's states of the English meaning."""

    def __init__(self, module: nn.Module, features: FeatureDataset, *, temperature: float = 0.07) -> None:
        """`temperature` divides the cosines, as in CLIP (Radford et al. 2021), where it starts at 0.07."""
        self.module = module
        self.example_count = len(features.weights_N)
        self.example_weights: Tensor | None = features.weights_N
        self._features = features
        self._temperature = temperature
        self._mean_C = features.teacher_sample().tokens_BLC.mean(dim=(0, 1))

    def loss(self, draw: Draw) -> Loss:
        """−log of the share that a text's own meaning has among the batch's, however often that meaning occurs."""
        states_BLE, mask_BL = self._features.encoder_states(draw.indices_B)
        student_BC = self.module(states_BLE, mask_BL).tokens_BLC.float().mean(dim=1) - self._mean_C
        teacher_BC = self._features.teacher_tokens(draw.indices_B).mean(dim=1) - self._mean_C
        meaning_B = self._features.meaning_N[draw.indices_B].to(teacher_BC.device)
        teacher_RC, meaning_R = all_gather_rows(teacher_BC), all_gather_rows(meaning_B)
        cosine_BR = F.normalize(student_BC, dim=1) @ F.normalize(teacher_RC, dim=1).T
        same_BR = meaning_B[:, None] == meaning_R[None, :]
        log_share_BR = (cosine_BR / self._temperature).log_softmax(dim=1)
        right_B = log_share_BR.masked_fill(~same_BR, -torch.inf).logsumexp(dim=1)
        return Loss(-right_B.mean(), {"cosine": cosine_BR.detach().amax(dim=1).mean()})


RECIPE = Recipe(steps=500, batch_size=128, learning_rate=1e-3, warmup_steps=50, ema_decay=0.99)
PLAN = Plan(
    name="contrastive-kd",
    learner=make_module_learner("projector", "projector", projector_settings),
    length=None,
    phases=(Phase("contrast", ContrastiveDistillation, RECIPE),),
    description="Contrastive distillation on texts alone: each text must match its own English meaning among those of the batch.",
)
