"""Comparisons: only scores that answer the same question in the same way, and a better one only where intervals allow it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.advice.comparison import BASE, ENGLISH, TRANSLATED, compare
from hub.errors import InvalidRequest
from hub.records import Provenance
from tests.builders.artifacts import a_score
from tests.builders.hub import a_hub
from tests.builders.registry import an_artifact, put


@pytest.fixture
def compared(tmp_path):
    """Return a function that records artifacts and compares those that are not called `translate-many`."""
    with a_hub(tmp_path) as hub:

        def recorded(*artifacts):
            for number, artifact in enumerate(artifacts):
                put(hub.registry, artifact, f"{number + 1:x}", reproduced=False)
            found = [hub.registry.get(each.name) for each in artifacts if each.name.name != "translate-many"]
            return compare(hub.registry, hub.store, found, [{} for _ in found])

        yield recorded


def two(first, second):
    return an_artifact("ada/a", scores=(first,)), an_artifact("ada/b", scores=(second,))


@pytest.mark.parametrize(
    "difference",
    [
        {"metric": "r_precision_at_5"}, {"benchmark": "other"}, {"benchmark_digest": "e" * 64}, {"split": "pairs"}, {"language": "sw"},
        {"base": "emoji-dit"}, {"unit": "%"}, {"sample_size": 3200}, {"provenance": Provenance.REPORTED},
    ],
    ids=lambda each: next(iter(each)),
)  # fmt: skip
def test_scores_of_different_protocols_are_never_in_one_row(compared, difference):
    found = compared(*two(a_score(0.5), a_score(0.6, **difference)))
    assert found.rows == ()
    assert found.incomparable == 2


def test_the_conditions_that_keep_scores_apart_are_named(compared):
    assert compared(*two(a_score(0.5), a_score(0.6, split="pairs", sample_size=3200))).differences == (
        "split", "sample size or machine",
    )  # fmt: skip


def test_disputed_scores_are_left_out(compared):
    doubted = a_score(0.6, provenance=Provenance.DISPUTED, reason="the data are secret")
    assert compared(*two(doubted, doubted)).rows == ()


@pytest.mark.parametrize(
    ("first", "second", "best", "said"),
    [
        (a_score(0.5), a_score(0.7), 1, "ada/b is better: the intervals don't overlap"),
        (a_score(0.5), a_score(0.55), None, "ada/b has the better value; the intervals overlap"),
        (a_score(0.5), a_score(0.5), None, "equal"),
        (a_score(0.5, low=None, high=None), a_score(0.9), None, "ada/b has the better value; without intervals its significance is unknown"),
        (a_score(20.0, metric="fid", better="down", low=19.0, high=21.0), a_score(30.0, metric="fid", better="down", low=29.0, high=31.0), 0,
         "ada/a is better: the intervals don't overlap"),
    ],
    ids=["apart", "overlapping", "equal", "without an interval", "lower is better"],
)  # fmt: skip
def test_an_artifact_is_better_only_where_the_intervals_allow_it(compared, first, second, best, said):
    (row,) = compared(*two(first, second)).rows
    assert (row.best, row.verdict) == (best, said)


def test_of_three_the_best_one_must_be_beyond_both_others(compared):
    third = an_artifact("ada/c", scores=(a_score(0.67),))
    (row,) = compared(*two(a_score(0.3), a_score(0.7)), third).rows
    assert row.best is None
    assert [score.value for score in row.scores] == [0.3, 0.7, 0.67]


def test_the_baselines_of_the_same_data_are_beside_a_row(compared):
    alone = a_score(0.01, metric="base_alone_r_precision_at_1")
    english = a_score(0.9, metric="english_base_r_precision_at_1", split="pairs")
    translated = an_artifact("linguahub/translate-many", method="translate", scores=(a_score(0.3), english))
    first, second = two(a_score(0.5), a_score(0.6))
    (row,) = compared(replace(first, scores=(*first.scores, alone)), second, translated).rows
    assert {label: score.value for label, score in row.baselines.items()} == {BASE: 0.01, TRANSLATED: 0.3}
    assert row.translator == "linguahub/translate-many"
    assert ENGLISH not in row.baselines


def test_bases_are_compared_with_each_other_and_with_modules(compared):
    first, second = (
        replace(each, kind="base", method="", bases=(), encoder="")
        for each in two(a_score(0.5, base="a"), a_score(0.7, base="b"))
    )
    assert [row.best for row in compared(first, second).rows] == [1]
    module = an_artifact("ada/module", scores=(a_score(0.9, base="a"),))
    on_itself = replace(
        an_artifact("bob/a", kind="base", method="", bases=(), encoder="", scores=()), scores=(a_score(0.1, base=""),)
    )
    assert [row.best for row in compared(module, on_itself).rows] == [0]


def test_languages_are_split_into_common_and_other_ones(compared):
    first, second = two(a_score(), a_score())
    found = compared(replace(first, languages=("yo", "sw")), replace(second, languages=("hi", "yo")))
    assert found.common_languages == ("yo",)


def test_costs_are_facts_and_do_not_lead_the_rows(compared):
    cost = a_score(100.0, metric="training_cost", unit="USD", low=None, high=None, language="")
    first, second = two(a_score(0.5), a_score(0.6))
    found = compared(*(replace(each, scores=(cost, *each.scores)) for each in (first, second)))
    assert [row.protocol.metric for row in found.rows] == ["r_precision_at_1", "training_cost"]
    assert [[each.value for each in facts.costs] for facts in found.facts] == [[100.0], [100.0]]


def test_one_artifact_twice_and_more_than_four_are_refused(tmp_path):
    first = an_artifact("ada/a")
    five = [an_artifact(f"ada/m{number}") for number in range(5)]
    with a_hub(tmp_path) as hub:
        with pytest.raises(InvalidRequest, match="`ada/a` is given twice"):
            compare(hub.registry, hub.store, [first, first], [{}, {}])
        with pytest.raises(InvalidRequest, match="2 to 4 artifacts, not 5"):
            compare(hub.registry, hub.store, five, [{}] * 5)
