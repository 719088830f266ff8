"""Distances between two sets of features: Fréchet (Heusel et al. 2017) and kernel (Bińkowski et al. 2018).

The Fréchet distance depends on the feature extractor and the sample size, so the metric's name contains the extractor, and the
floor (the distance between two halves of the real images) is reported beside it.

Shape letters: N and M images, D features, B resamples, R blocks of rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainers.evaluation.confidence import RESAMPLES, Interval
from trainers.loop.sampler import generator_of

BLOCK = 1000
"""Rows that are compared with each other in a kernel distance."""


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


def kernel_distance(first_ND: Tensor, second_ND: Tensor, *, seed: int) -> Interval:
    """Return the squared maximum mean discrepancy of features (N, D), both with the kernel (x·y ÷ D + 1)³, and its interval.

    It is unbiased at every N (Bińkowski et al. 2018), and can be below 0. Blocks of `BLOCK` rows are averaged, as the authors do, so
    that memory stays bounded. Resampled rows are weights, and a row is never compared with its own copy.

    Raises `ValueError` for fewer than two rows, or for sets of different sizes.
    """
    count = len(first_ND)
    if count < 2 or len(second_ND) != count:
        raise ValueError(f"{count} and {len(second_ND)} rows")
    blocks = max(1, round(count / BLOCK))
    found_RB = torch.stack(
        [
            _weighted_discrepancies(first_ND[block::blocks].double(), second_ND[block::blocks].double(), (seed, block))
            for block in range(blocks)
        ]
    )
    values_B = found_RB.mean(dim=0)
    value, resampled_B = float(values_B[0]), values_B[1:]
    low, high = resampled_B[resampled_B.isfinite()].quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(value, min(low, value), max(high, value), count)


def _weighted_discrepancies(first_ND: Tensor, second_ND: Tensor, seed: tuple[int, int]) -> Tensor:
    """Return the discrepancy of two blocks, then that of each resample of their rows: (1 + RESAMPLES,)."""
    count = len(first_ND)
    generator = generator_of(*seed, "kernel")

    def weights() -> Tensor:
        drawn_BN = torch.randint(count, (RESAMPLES, count), generator=generator)
        counts_BN = torch.zeros(RESAMPLES, count, dtype=torch.float64)
        counts_BN.scatter_add_(1, drawn_BN, torch.ones_like(drawn_BN, dtype=torch.float64))
        return torch.cat([torch.ones(1, count, dtype=torch.float64), counts_BN])

    first_BN, second_BN = weights(), weights()

    def kernel(x_ND: Tensor, y_ND: Tensor) -> Tensor:
        return (x_ND @ y_ND.T / x_ND.shape[1] + 1) ** 3

    def within(rows_ND: Tensor, weights_BN: Tensor) -> Tensor:
        kernel_NN = kernel(rows_ND, rows_ND).fill_diagonal_(0)
        pairs_B = weights_BN.sum(1).square() - weights_BN.square().sum(1)
        return ((weights_BN @ kernel_NN) * weights_BN).sum(1) / pairs_B

    across_B = ((first_BN @ kernel(first_ND, second_ND)) * second_BN).sum(1) / count**2
    return within(first_ND, first_BN) + within(second_ND, second_BN) - 2 * across_B
