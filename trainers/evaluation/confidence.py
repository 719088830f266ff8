"""Confidence intervals: of shares by formula, of means and of ratios by resampling.

Shape letters: N resampled units (prompts, or images with their captions), K ratios that are averaged, B resamples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from trainers.loop.sampler import generator_of

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""
RESAMPLES = 1000
"""Resamples of a bootstrap interval."""
_AT_ONCE = 1 << 22
"""Number of indices to sample at a time: 32 MB."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and its 95 % confidence interval."""

    value: float
    low: float
    high: float
    count: int
    """Sample size."""


def wilson(successes: int, count: int) -> Interval:
    """Return Wilson's score interval (1927) of a share, which is valid near 0 and 1, unlike the normal approximation.

    Raises `ValueError` for impossible counts.
    """
    if not 0 <= successes <= count or count < 1:
        raise ValueError(f"{successes} successes of {count}")
    share = successes / count
    scale = 1 + Z_95**2 / count
    middle = (share + Z_95**2 / (2 * count)) / scale
    half = Z_95 / scale * math.sqrt(share * (1 - share) / count + Z_95**2 / (4 * count**2))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), count)


def bootstrap_mean(values_N: Tensor, *, seed: int) -> Interval:
    """Return the mean of values (N,) with its percentile bootstrap interval."""
    return bootstrap_ratio(values_N, torch.ones_like(values_N, dtype=torch.float64), seed=seed)


def bootstrap_median(values_N: Tensor, *, seed: int) -> Interval:
    """Return the median of values (N,) with its percentile bootstrap interval. Raises `ValueError` without values."""
    count = len(values_N)
    if not count:
        raise ValueError("no values")
    generator, values_N = generator_of(seed, "bootstrap"), values_N.double()
    size = max(1, _AT_ONCE // count)
    found = [
        values_N[torch.randint(count, (min(size, RESAMPLES - first), count), generator=generator)].quantile(0.5, dim=1)
        for first in range(0, RESAMPLES, size)
    ]
    value = float(values_N.quantile(0.5))
    low, high = torch.cat(found).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(value, min(low, value), max(high, value), count)


def bootstrap_ratio(numerators_NK: Tensor, denominators_NK: Tensor, *, seed: int) -> Interval:
    """Return the mean over K of Σ numerators ÷ Σ denominators, with its percentile bootstrap interval (Efron 1979).

    Both have the shape (N, K), or (N,) for one ratio. The N units are resampled with all of their numbers, so that values of the
    same prompt stay paired. Resamples whose denominator is 0 are left out.

    Raises `ValueError` without units, or if a denominator sums to 0.
    """
    pairs_NK2 = torch.stack([numerators_NK.double(), denominators_NK.double()], dim=-1)
    pairs_NK2 = pairs_NK2[:, None] if pairs_NK2.dim() == 2 else pairs_NK2
    count = len(pairs_NK2)
    if not count or (pairs_NK2[..., 1].sum(0) == 0).any():
        raise ValueError("no units, or a denominator that sums to 0")
    generator = generator_of(seed, "bootstrap")
    size = max(1, _AT_ONCE // (count * pairs_NK2[0].numel()))
    found = []
    for first in range(0, RESAMPLES, size):
        chosen_BN = torch.randint(count, (min(size, RESAMPLES - first), count), generator=generator)
        found.append(pairs_NK2[chosen_BN].sum(dim=1))
    means_B = _mean_ratio(torch.cat(found))
    value = float(_mean_ratio(pairs_NK2.sum(dim=0)))
    low, high = means_B[means_B.isfinite()].quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return Interval(value, min(low, value), max(high, value), count)


def _mean_ratio(sums_K2: Tensor) -> Tensor:
    """Return the mean over K of the ratios of sums (…, K, 2)."""
    return (sums_K2[..., 0] / sums_K2[..., 1]).mean(dim=-1)
