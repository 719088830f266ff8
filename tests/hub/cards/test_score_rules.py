"""Shares are between 0 and 1 with and without the name of a judge; ratios of scores are not shares."""

from __future__ import annotations

import pytest

from hub.cards.score_rules import score_problems
from hub.records import Provenance, Score


def problems(metric: str, value: float) -> list[str]:
    return score_problems(
        Score(metric=metric, value=value, benchmark="mg-18", provenance=Provenance.SELF_REPORTED, source="a run")
    )


@pytest.mark.parametrize(
    "metric",
    [
        "r_precision_at_1[judge@01234567]", "english_base_r_precision_at_10[judge@01234567]", "mean_recall",
        "text_to_image_recall_at_5", "culture_score[judge@01234567]", "text_similarity", "r_precision_at_1_mean[judge@01234567]",
    ],
)  # fmt: skip
def test_a_share_above_one_is_impossible(metric: str) -> None:
    assert problems(metric, 1.0) == []
    assert problems(metric, 1.2) == ["the value 1.2 is not a share of 1"]


@pytest.mark.parametrize(
    ("metric", "value"),
    [("parity_r_precision_at_1[judge@01234567]", 1.2), ("english_drop_r_precision_at_1[judge@01234567]", -0.1), ("fid[judge]", 30.0)],
)
def test_ratios_differences_and_distances_are_not_shares(metric: str, value: float) -> None:
    assert problems(metric, value) == []
