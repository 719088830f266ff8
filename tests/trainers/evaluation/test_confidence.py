"""Bootstrap intervals, and the kernel distance beside that of torchmetrics."""

from __future__ import annotations

import pytest
import torch

from trainers.evaluation.confidence import bootstrap_mean, bootstrap_ratio, wilson
from trainers.evaluation.fid import BLOCK, kernel_distance
from trainers.loop.sampler import generator_of


def test_the_interval_of_a_mean_is_that_of_the_normal_approximation_for_many_values() -> None:
    values = torch.randn(2000, generator=generator_of("values"), dtype=torch.float64) + 3
    found = bootstrap_mean(values, seed=0)
    half = 1.96 * float(values.std()) / 2000**0.5
    assert found.value == pytest.approx(float(values.mean()))
    # The quantiles of 1,000 resamples vary by about a tenth of the half-width.
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=half * 0.15)
    assert bootstrap_mean(values, seed=0) == found != bootstrap_mean(values, seed=1)


def test_the_interval_of_a_share_is_near_wilsons() -> None:
    hits = (torch.arange(200) < 60).double()
    ours, theirs = bootstrap_mean(hits, seed=0), wilson(60, 200)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_a_ratio_of_paired_values_is_known_better_than_its_parts() -> None:
    english = torch.rand(300, generator=generator_of("paired")).double() + 0.1
    found = bootstrap_ratio(english * 0.8, english, seed=0)
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.8, 0.8))
    shuffled = bootstrap_ratio(english.flip(0) * 0.8, english, seed=0)
    assert shuffled.high - shuffled.low > 0.05


def test_the_mean_of_several_ratios_has_one_interval() -> None:
    hits = torch.tensor([[1.0, 0], [1, 1], [0, 1], [1, 1]])
    found = bootstrap_ratio(hits, torch.tensor([[1.0, 2], [1, 2], [1, 2], [1, 2]]), seed=0)
    assert found.value == pytest.approx((3 / 4 + 3 / 8) / 2)
    assert found.low < found.value < found.high
    assert found.count == 4


def test_a_ratio_without_a_denominator_is_an_error() -> None:
    with pytest.raises(ValueError, match="sums to 0"):
        bootstrap_ratio(torch.ones(3), torch.zeros(3), seed=0)
    with pytest.raises(ValueError, match="no units"):
        bootstrap_mean(torch.ones(0), seed=0)


def test_the_kernel_distance_is_that_of_torchmetrics() -> None:
    from torchmetrics.image.kid import poly_mmd

    generator = generator_of("kernel")
    real = torch.randn(60, 12, generator=generator, dtype=torch.float64)
    drawn = torch.randn(60, 12, generator=generator, dtype=torch.float64) + 0.5
    found = kernel_distance(drawn, real, seed=0)
    assert found.value == pytest.approx(float(poly_mmd(real, drawn)))
    assert found.low < found.value < found.high
    assert found.low > 0, "the sets differ"


def test_the_kernel_distance_of_equal_distributions_is_about_zero_at_every_size() -> None:
    generator = generator_of("equal")
    for count in (20, 200, BLOCK + 200):
        first, second = (torch.randn(count, 4, generator=generator) for _ in range(2))
        found = kernel_distance(first, second, seed=0)
        assert found.low <= 0 <= found.high
        assert found.count == count
    with pytest.raises(ValueError, match="1 and 1 rows"):
        kernel_distance(torch.ones(1, 4), torch.ones(1, 4), seed=0)
