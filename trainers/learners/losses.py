"""What is minimised, as pure functions of tensors.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def token_mse(student_BLC: Tensor, teacher_BLC: Tensor, deviation_C: Tensor) -> Tensor:
    """mean(((student − teacher) / deviation)²): 1 for a student that always says the teacher's mean.

    A pooled vector (B, P) is judged in the same way.
    """
    return ((student_BLC.float() - teacher_BLC.float()) / deviation_C).square().mean()


def mean_cosine(student_BLC: Tensor, teacher_BLC: Tensor, mean_C: Tensor) -> Tensor:
    """1 − cos between the texts' mean token states, less the teacher's mean over all texts, averaged over the batch."""
    student_BC = student_BLC.float().mean(dim=1) - mean_C
    teacher_BC = teacher_BLC.float().mean(dim=1) - mean_C
    return (1 - F.cosine_similarity(student_BC, teacher_BC, dim=1)).mean()


def prediction_mse(prediction: Tensor, target: Tensor, weight_B: Tensor | None = None) -> Tensor:
    """Mean over the batch of weight · mean((prediction − target)²); without weights all count the same."""
    error_B = (prediction.float() - target.float()).square().flatten(1).mean(dim=1)
    return error_B.mean() if weight_B is None else (error_B * weight_B).mean()


def feature_mse(student: Sequence[Tensor], teacher: Sequence[Tensor], weight_B: Tensor | None = None) -> Tensor:
    """Σ over blocks of `prediction_mse` between their outputs."""
    errors = [prediction_mse(ours, theirs, weight_B) for ours, theirs in zip(student, teacher, strict=True)]
    return torch.stack(errors).sum()


def masked_mean(states_BLC: Tensor, mask_BL: Tensor) -> Tensor:
    """Mean over the tokens that count, (B, C)."""
    weight_BL1 = mask_BL[:, :, None].to(states_BLC.dtype)
    return (states_BLC * weight_BL1).sum(1) / weight_BL1.sum(1)
