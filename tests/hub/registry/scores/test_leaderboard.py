"""Leaderboards on each database, read from the best ends of index ranges."""

from __future__ import annotations

import pytest

from hub.names import ArtifactName
from hub.records import Provenance
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings
from hub.registry.scores.leaderboard import LeaderboardQuery, leaderboards, ranks
from hub.registry.scores.scores import published_scores
from tests.builders.artifacts import a_score
from tests.builders.filled import filled_registry
from tests.builders.registry import an_artifact, fill

METRIC = {"benchmark": "emoji-generation", "metric": "r_precision_at_1"}


def _fill(registry):
    """Two splits, two languages, two bases, a tie, and a private artifact."""
    fill(
        registry,
        an_artifact("b/tied", scores=(a_score(0.7), a_score(0.9, split="pairs"))),
        an_artifact("a/tied", method="pea", languages=("yo", "hi"), scores=(a_score(0.7), a_score(0.2, language="hi"))),
        an_artifact("c/wide", bases=("sdxl",), scores=(a_score(0.85, base="sdxl"), a_score(0.99, benchmark="xtd10"))),
        an_artifact("d/closed", scores=(a_score(0.95),)),
    )
    change_settings(registry.database, ArtifactName("d", "closed"), Actor("test"), private=True)


shelf, own_shelf = filled_registry(_fill)


def ranked(registry, **asked):
    """Return split → the rank and name of each entry, in the order of the rankings."""
    boards = leaderboards(registry.database, LeaderboardQuery(**{"readers": (), **asked}), 50)
    assert all(board.total == len(board.entries) for board in boards)
    return [(board.ranking.split, [(each.rank, str(each.artifact)) for each in board.entries]) for board in boards]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [("seen", [(1, "c/wide"), (2, "a/tied"), (2, "b/tied"), (4, "a/tied")]), ("pairs", [(1, "b/tied")])]),
        ({"split": "pairs"}, [("pairs", [(1, "b/tied")])]),
        ({"language": "hi"}, [("seen", [(1, "a/tied")])]),
        ({"base": "sdxl"}, [("seen", [(1, "c/wide")])]),
        ({"method": "pea"}, [("seen", [(1, "a/tied"), (2, "a/tied")])]),
        ({"digest": "dd", "method": "pea", "language": "hi"}, [("seen", [(1, "a/tied")])]),
        ({"digest": "e"}, []),
        ({"split": "nowhere"}, []),
        ({"language": "hi", "split": "pairs"}, []),
        ({"readers": ("d",), "base": "emoji-sd", "language": "yo"},
         [("seen", [(1, "d/closed"), (2, "a/tied"), (2, "b/tied")]), ("pairs", [(1, "b/tied")])]),
    ],
)  # fmt: skip
def test_each_ranking_lists_the_best_first(shelf, asked, expected):
    assert ranked(shelf, **METRIC, **asked) == expected


def test_a_limit_shortens_a_ranking_and_not_its_total(shelf):
    (seen, _) = leaderboards(shelf.database, LeaderboardQuery(**METRIC, readers=()), 1)
    assert [str(each.artifact) for each in seen.entries] == ["c/wide"]
    assert seen.total == 4


def test_entries_whose_intervals_overlap_share_a_rank():
    best, close, apart = a_score(0.9), a_score(0.82), a_score(0.7)
    assert ranks([best, close, apart]) == [1, 1, 3]
    vague = a_score(0.6, low=0.1, high=0.95)
    assert ranks([best, close, apart, vague]) == [1, 1, 3, 1], "its interval reaches the best one"
    point = a_score(0.8, low=None, high=None)
    assert ranks([best, point, apart]) == [1, 2, 3]
    costs = [a_score(value, better="down", low=value - 1, high=value + 1) for value in (5.0, 6.5, 9.0)]
    assert ranks(costs) == [1, 1, 3]


def test_an_entry_names_the_score_that_has_its_run_record(own_shelf):
    (board,) = leaderboards(own_shelf.database, LeaderboardQuery(**METRIC, base="sdxl", readers=()), 50)
    (entry,) = board.entries
    found = {each.id: each.score for each in published_scores(own_shelf.database, entry.artifact)}
    assert found[entry.id].source == entry.score.source == "hub evaluate, two cores"


def a_recall(value, benchmark="multi30k", **changes):
    changes = {"metric": "mean_recall", "language": "de", "low": None, "high": None, **changes}
    return a_score(value, benchmark=benchmark, provenance=Provenance.REPORTED, source="a paper", **changes)


def test_two_protocols_or_scorers_never_meet_in_one_ranking(registry):
    fill(
        registry,
        an_artifact("a/standard", scores=(a_recall(0.76), a_recall(0.3, metric="clip_score[one-judge]"))),
        an_artifact("a/weaker", scores=(a_recall(0.37), a_recall(0.2, metric="clip_score[one-judge]"))),
        an_artifact(
            "b/lenient", scores=(a_recall(0.77, "multi30k-mclip"), a_recall(0.9, metric="clip_score[another]"))
        ),
    )
    both, lenient = [("seen", [(1, "a/standard"), (2, "a/weaker")])], [("seen", [(1, "b/lenient")])]
    asked = {"provenance": Provenance.REPORTED}
    assert ranked(registry, benchmark="multi30k", metric="mean_recall", **asked) == both
    assert ranked(registry, benchmark="multi30k-mclip", metric="mean_recall", **asked) == lenient
    assert ranked(registry, benchmark="multi30k", metric="clip_score[one-judge]", **asked) == both
    assert ranked(registry, benchmark="multi30k", metric="clip_score[another]", **asked) == lenient


OTHER = [
    ("digest", {}, {"benchmark_digest": "e" * 64}),
    ("split", {}, {"split": "pairs"}),
    ("scale", {}, {"unit": "%", "value": 80.9, "low": None, "high": None}),
    ("direction", {}, {"better": "down"}),
    ("class of n", {"sample_size": 128}, {"sample_size": 1000}),
    ("n of a Fréchet distance", {"metric": "fid[judge]", "sample_size": 128}, {"metric": "fid[judge]", "sample_size": 129}),
    ("machine", {"metric": "latency_text_to_image", "unit": "ms", "source": "run; revision 1; one CPU"},
     {"metric": "latency_text_to_image", "unit": "ms", "source": "run; revision 1; one GPU"}),
]  # fmt: skip
"""The property that differs, the changes of two scores, and those of the third."""


@pytest.mark.parametrize(("what", "same", "other"), OTHER, ids=[what for what, _, _ in OTHER])
def test_scores_that_differ_in_one_condition_are_in_two_rankings(registry, what, same, other):
    fill(
        registry,
        *(
            an_artifact(f"a/m{number}", scores=(a_score(**{"value": 0.5 + number / 10, **changes}),))
            for number, changes in enumerate((same, same, {**same, **other}))
        ),
    )
    asked = {"benchmark": "emoji-generation", "metric": same.get("metric", "r_precision_at_1")}
    found = leaderboards(registry.database, LeaderboardQuery(**asked), 50)
    assert [[str(each.artifact) for each in board.entries] for board in found] == [["a/m1", "a/m0"], ["a/m2"]], what


def test_sample_sizes_of_one_class_are_ranked_together(registry):
    fill(registry, *(an_artifact(f"a/m{n}", scores=(a_score(n / 1000, sample_size=n),)) for n in (32, 105, 256)))
    assert ranked(registry, **METRIC) == [("seen", [(1, "a/m256"), (2, "a/m105"), (2, "a/m32")])]
