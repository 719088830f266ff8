"""Confidence intervals of shares."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A share and its 95 % confidence interval."""

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
