"""Parity is derived from two scores of one card that differ in the language alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.names import ArtifactName
from hub.records import Provenance
from hub.scores.parity import SEPARATOR, Source, derive_parities, ratio_interval
from tests.builders.artifacts import a_score

NAME = ArtifactName("linguahub", "mulan-yo")
ENGLISH = a_score(0.8, metric="english_base_r_precision_at_1")


def parities(*scores, kind="adapter", method="mulan", name=NAME):
    """Return language, source and value of each parity."""
    found = derive_parities([*enumerate(scores)], name, kind, method, is_curated=name.owner == "linguahub")
    return [(*each.cell.split(SEPARATOR)[-2:], round(each.value, 3)) for each in found]


def test_a_score_is_divided_by_the_english_score_of_the_same_prompts():
    assert parities(a_score(0.6), ENGLISH) == [("yo", Source.MODULE, 0.75)]
    assert parities(a_score(0.6), ENGLISH, method="translate") == [("yo", Source.TRANSLATED, 0.75)]
    raw = a_score(0.2, metric="base_alone_r_precision_at_1")
    assert parities(raw, ENGLISH) == [("yo", Source.RAW, 0.25)]


@pytest.mark.parametrize(
    "change",
    [{"benchmark_digest": "e" * 64}, {"split": "pairs"}, {"sample_size": 128}, {"seed": 1}, {"language": "sw"}, {"base": "sdxl"},
     {"metric": "english_base_r_precision_at_10"}, {"provenance": Provenance.DISPUTED}, {"value": 0.0, "low": 0.0}],
    ids=str,
)  # fmt: skip
def test_another_digest_split_n_seed_language_or_metric_makes_no_parity(change):
    assert parities(a_score(0.6), replace(ENGLISH, **change)) == []


def test_the_card_of_a_base_has_its_english_score_itself():
    name = ArtifactName("ada", "my-sd")
    scores = [a_score(0.2, base=""), a_score(0.8, base="", language="en"), a_score(0.3, base="", seed=1)]
    assert parities(*scores, kind="base", method="", name=name) == [("yo", Source.RAW, 0.25)]
    (found,) = derive_parities([*enumerate(scores)], name, "base", "", is_curated=False)
    assert found.cell.split(SEPARATOR)[0] == "ada/my-sd", "a stranger's base cannot take the name of a curated one"


def test_a_parity_that_was_measured_in_pairs_comes_before_a_quotient():
    given = a_score(0.7, metric="parity_r_precision_at_1", low=0.6, high=0.8)
    (found,) = derive_parities([*enumerate((a_score(0.6), ENGLISH, given))], NAME, "adapter", "mulan", is_curated=True)
    assert (found.value, found.low, found.high, found.english) == (0.7, 0.6, 0.8, None)


def test_distances_costs_and_controls_have_no_parity():
    others = (
        a_score(9.0, metric="fid", better="down"), a_score(8.0, metric="english_base_fid", better="down"),
        a_score(1.0, metric="judge_ceiling_r_precision_at_1"), a_score(1.0, metric="english_base_judge_ceiling_r_precision_at_1"),
    )  # fmt: skip
    assert parities(*others) == []


def test_the_less_trusted_score_gives_the_provenance():
    reproduced = a_score(0.6, provenance=Provenance.REPRODUCED)
    (found,) = derive_parities([(0, reproduced), (1, ENGLISH)], NAME, "adapter", "mulan", is_curated=True)
    assert found.provenance == "self-reported"
    both = [(0, reproduced), (1, replace(ENGLISH, provenance=Provenance.REPRODUCED)), (2, replace(ENGLISH, value=0.9))]
    (found,) = derive_parities(both, NAME, "adapter", "mulan", is_curated=True)
    assert (found.provenance, found.english) == ("reproduced", 0.8), (
        "of two English scores, the more trusted one counts"
    )


def test_the_interval_of_a_quotient_holds_the_value_and_needs_both_intervals():
    score, against = a_score(0.6, low=0.5, high=0.7), a_score(0.8, low=0.7, high=0.9)
    low, high = ratio_interval(score, against)
    assert 0.5 / 0.9 < low < 0.75 < high < 0.7 / 0.7, "narrower than the quotients of the ends"
    assert ratio_interval(score, replace(against, low=None)) == (None, None)
    assert ratio_interval(score, replace(against, low=0.0)) == (None, None), "an English score that may be zero"
    nothing = a_score(0.0, low=0.0, high=0.1)
    assert ratio_interval(nothing, against)[0] == 0.0


def test_the_interval_covers_the_true_ratio_of_two_shares():
    """Simulated: Wilson intervals of two independent shares of 128 prompts."""
    import numpy as np

    draw = np.random.default_rng(0)
    n, shares, hits = 128, (0.5, 0.9), 0
    for _ in range(400):
        one, two = (_wilson(draw.binomial(n, share), n) for share in shares)
        low, high = ratio_interval(one, two)
        hits += low <= shares[0] / shares[1] <= high
    assert 0.92 <= hits / 400 <= 0.98


def _wilson(successes, n, z=1.96):
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * ((share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5)
    return a_score(share, low=middle - half, high=middle + half)
