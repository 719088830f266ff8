"""Loss functions, as pure functions of tensors.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def token_mse(student_BLC: Tensor, teacher_BLC: Tensor, deviation_C: Tensor) -> Tensor:
    """Return mean(((student − teacher) / deviation)²), a scalar: 1 for a student that always outputs the teacher's mean.

    Shapes: (B, L, C), (B, L, C), (C,), or (B, P), (B, P), (P,) for pooled embeddings.
    """
    return ((student_BLC.float() - teacher_BLC.float()) / deviation_C).square().mean()


def mean_cosine(student_BLC: Tensor, teacher_BLC: Tensor, mean_C: Tensor) -> Tensor:
    """Return the mean over the batch of 1 − cos between mean token states, a scalar.

    Shapes: (B, L, C), (B, L, C), (C,). `mean_C`, the teacher's mean over all texts, is subtracted from both.
    """
    student_BC = student_BLC.float().mean(dim=1) - mean_C
    teacher_BC = teacher_BLC.float().mean(dim=1) - mean_C
    return (1 - F.cosine_similarity(student_BC, teacher_BC, dim=1)).mean()


def prediction_mse(prediction: Tensor, target: Tensor, weight_B: Tensor | None = None) -> Tensor:
    """Return the mean over the batch of weight · mean((prediction − target)²), a scalar; the default weight is 1.

    Shapes: (B, …), (B, …), (B,).
    """
    error_B = (prediction.float() - target.float()).square().flatten(1).mean(dim=1)
    return error_B.mean() if weight_B is None else (error_B * weight_B).mean()


def feature_mse(student: Sequence[Tensor], teacher: Sequence[Tensor], weight_B: Tensor | None = None) -> Tensor:
    """Return the sum over blocks of `prediction_mse` between their outputs (B, …), a scalar."""
    errors = [prediction_mse(ours, theirs, weight_B) for ours, theirs in zip(student, teacher, strict=True)]
    return torch.stack(errors).sum()
