"""Leaderboards on each database, read from the best ends of index ranges."""

from __future__ import annotations

import pytest

from hub.names import ArtifactName
from hub.records import Provenance
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings
from hub.registry.scores.leaderboard import LeaderboardQuery, leaderboard
from tests.builders.artifacts import a_score
from tests.builders.registry import an_artifact, fill

METRIC = {"benchmark": "emoji-generation", "metric": "r_precision_at_1"}


@pytest.fixture
def shelf(registry):
    """Two splits, two languages, two bases, a tie, and a private artifact."""
    fill(
        registry,
        an_artifact("b/tied", scores=(a_score(0.7), a_score(0.9, split="pairs"))),
        an_artifact("a/tied", languages=("yo", "hi"), scores=(a_score(0.7), a_score(0.2, language="hi"))),
        an_artifact("c/wide", bases=("sdxl",), scores=(a_score(0.8, base="sdxl"), a_score(0.99, benchmark="xtd10"))),
        an_artifact("d/closed", scores=(a_score(0.95),)),
    )
    change_settings(registry.database, ArtifactName("d", "closed"), Actor("test"), private=True)
    return registry


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [(1, "b/tied"), (2, "c/wide"), (3, "a/tied"), (3, "b/tied"), (5, "a/tied")]),
        ({"split": "pairs"}, [(1, "b/tied")]),
        ({"language": "hi"}, [(1, "a/tied")]),
        ({"base": "sdxl"}, [(1, "c/wide")]),
        ({"split": "nowhere"}, []),
        ({"language": "hi", "split": "pairs"}, []),
        ({"readers": ("d",), "base": "emoji-sd", "language": "yo"}, [(1, "d/closed"), (2, "b/tied"), (3, "a/tied"), (3, "b/tied")]),
    ],
)  # fmt: skip
def test_the_best_come_first_and_all_are_counted(shelf, asked, expected):
    contest = LeaderboardQuery(**{"readers": (), **METRIC, **asked})
    places, total = leaderboard(shelf.database, contest, 50)
    assert [(each.rank, str(each.artifact)) for each in places] == expected
    assert total == len(expected)
    first, of_all = leaderboard(shelf.database, contest, 1)
    assert [str(each.artifact) for each in first] == [name for _, name in expected[:1]]
    assert of_all == total


def ranked(registry, **asked):
    places, total = leaderboard(registry.database, LeaderboardQuery(**{"provenance": Provenance.REPORTED, **asked}), 50)
    return [(each.rank, str(each.artifact)) for each in places], total


def a_recall(value, benchmark="multi30k", **changes):
    changes = {"metric": "mean_recall", "language": "de", "low": None, "high": None, **changes}
    return a_score(value, benchmark=benchmark, provenance=Provenance.REPORTED, source="a paper", **changes)


def test_two_protocols_scorers_or_scales_never_meet_in_one_ranking(registry):
    fill(
        registry,
        an_artifact("a/standard", scores=(a_recall(0.76), a_recall(0.3, metric="clip_score[one-judge]"))),
        an_artifact("a/weaker", scores=(a_recall(0.37), a_recall(0.2, metric="clip_score[one-judge]"))),
        an_artifact(
            "b/lenient", scores=(a_recall(0.77, "multi30k-mclip"), a_recall(0.9, metric="clip_score[another]"))
        ),
        an_artifact("b/per-cent", scores=(a_recall(80.9, unit="%"),)),
        an_artifact("b/reversed", scores=(a_recall(0.99, better="down"),)),
    )
    both = [(1, "a/standard"), (2, "a/weaker")]
    assert ranked(registry, benchmark="multi30k", metric="mean_recall") == (both, 4)
    assert ranked(registry, benchmark="multi30k-mclip", metric="mean_recall") == ([(1, "b/lenient")], 1)
    assert ranked(registry, benchmark="multi30k", metric="clip_score[one-judge]") == (both, 2)
    assert ranked(registry, benchmark="multi30k", metric="clip_score[another]") == ([(1, "b/lenient")], 1)
