"""Fréchet distance between two sets of features (Heusel et al. 2017).

Its value depends on the feature extractor and the sample size, so the metric's name contains the extractor, and the floor
(the distance between two halves of the real images) is reported beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def frechet_distance(first_ND: Tensor, second_MD: Tensor) -> float:
    """Return |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½) of features (N, D) and (M, D), in float64, as torchmetrics does."""
    first_ND, second_MD = first_ND.double(), second_MD.double()
    cov1_DD, cov2_DD = torch.cov(first_ND.T), torch.cov(second_MD.T)
    shift = (first_ND.mean(0) - second_MD.mean(0)).square().sum()
    root = torch.linalg.eigvals(cov1_DD @ cov2_DD).sqrt().real.sum()
    return max(0.0, float(shift + cov1_DD.trace() + cov2_DD.trace() - 2 * root))


def floor_of(features_ND: Tensor, generator: torch.Generator) -> float:
    """Return the distance between two random halves of features (N, D): the score of perfect images at that sample size."""
    order = torch.randperm(len(features_ND), generator=generator)
    half = len(order) // 2
    return frechet_distance(features_ND[order[:half]], features_ND[order[half : 2 * half]])
