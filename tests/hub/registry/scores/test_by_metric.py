"""Search by the value of a metric, on each database, among few matches and among too many to count."""

from __future__ import annotations

import pytest

from hub.errors import InvalidRequest
from hub.names import ArtifactName
from hub.records import Provenance, Query
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings
from hub.registry.scores import by_metric
from hub.registry.search.search import find
from tests.builders.artifacts import a_score
from tests.builders.filled import filled_registry
from tests.builders.registry import an_artifact, fill, names, put


def _distinct(registry):
    """Record modules with distinct FIDs and precisions, by language, split and provenance."""
    fill(
        registry,
        an_artifact("a/low", scores=(a_score(0.2), a_score(30.0, metric="fid", better="down"))),
        an_artifact("a/high", scores=(a_score(0.8), a_score(0.1, split="pairs"), a_score(9.0, metric="fid", better="down"))),
        an_artifact("b/wide", languages=("yo", "hi"), scores=(a_score(0.5), a_score(0.9, language="hi")), bases=("sdxl",)),
        an_artifact("b/claims", scores=(a_score(0.99, provenance=Provenance.REPORTED, source="a paper"),)),
        an_artifact("c/elsewhere", scores=(a_score(0.7, benchmark="xtd10"),)),
        an_artifact("c/none", scores=()),
    )  # fmt: skip


shelf = filled_registry(_distinct)[0]


METRIC = "r_precision_at_1"
"""The metric of `a_score`."""
LAB = "emoji-generation"
"""The benchmark of `a_score`."""


@pytest.mark.parametrize("candidates", [500, 2], ids=["few", "more than are counted"])
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["wide", "high", "low"]), ({"min_value": 0.5}, ["wide", "high"]),
        ({"min_value": 0.5, "max_value": 0.7}, ["wide"]), ({"language": "yo"}, ["high", "wide", "low"]),
        ({"language": "hi"}, ["wide"]), ({"split": "pairs"}, ["high"]), ({"benchmark": "xtd10"}, ["elsewhere"]),
        ({"base": "emoji-sd", "language": "yo", "benchmark": "emoji-generation"}, ["high", "low"]),
        ({"text": "Yoruba", "owner": "a"}, ["high", "low"]), ({"provenance": "reported"}, ["claims"]), ({"min_value": 1}, []),
        ({"language": "yo", "split": "pairs"}, ["high"]), ({"language": "hi", "split": "pairs"}, []), ({"split": "nowhere"}, []),
        ({"benchmark": "xtd10", "split": "pairs"}, []), ({"benchmark": "nowhere", "language": "yo"}, []),
        ({"metric": "fid"}, ["high", "low"]), ({"metric": "fid", "max_value": 10}, ["high"]), ({"metric": "none"}, []),
    ],
)  # fmt: skip
def test_a_metric_narrows_and_sorts_by_its_best_value(shelf, asked, found, candidates):
    query = Query(**{"metric": METRIC, "benchmark": LAB, "split": "seen", "sort": "metric", **asked})
    page = find(shelf.database, query, candidates)
    assert names(page) == found
    if page.is_exact:
        assert page.total == len(found)
    else:
        assert page.total <= len(found)


@pytest.mark.parametrize("candidates", [500, 2], ids=["few", "more than are counted"])
def test_a_metric_can_be_combined_with_another_order(shelf, candidates):
    query = Query(metric=METRIC, min_value=0.5, sort="name")
    assert names(find(shelf.database, query, candidates)) == ["elsewhere", "high", "wide"]


@pytest.mark.parametrize("candidates", [500, 2], ids=["few", "more than are counted"])
def test_pages_by_metric_do_not_overlap(shelf, candidates):
    asked = [
        Query(metric=METRIC, benchmark=LAB, split="seen", sort="metric", limit=2, offset=offset) for offset in (0, 2, 4)
    ]
    assert [names(find(shelf.database, each, candidates)) for each in asked] == [["wide", "high"], ["low"], []]


def _on_many_benchmarks(registry):
    for number in range(6):
        on = {"benchmark": f"bench{number}", "split": "s"}
        fill(
            registry, an_artifact(f"a/m{number}", scores=(a_score(number / 10, **on), a_score(0.9, benchmark="xtd10")))
        )


on_many_benchmarks = filled_registry(_on_many_benchmarks)[0]


@pytest.mark.parametrize("candidates", [500, 2], ids=["few", "more than are counted"])
@pytest.mark.parametrize("asked", [{}, {"benchmark": "xtd10"}, {"split": "s"}, {"split": "s", "language": "yo"}])
def test_scores_on_more_benchmarks_than_there_are_ranges_are_found(on_many_benchmarks, asked, candidates, monkeypatch):
    monkeypatch.setattr(by_metric, "MAX_RANGES", 3)
    page = find(on_many_benchmarks.database, Query(metric=METRIC, max_value=0.9, **asked), candidates)
    assert sorted(names(page)) == [f"m{number}" for number in range(6)]


def test_readers_of_a_language_get_the_best_in_it_first_among_any_number_of_scores(registry):
    fill(
        registry,
        an_artifact("a/first", languages=("yo", "hi"), scores=(a_score(0.6), a_score(0.1, language="hi"))),
        an_artifact("a/second", languages=("yo", "hi"), scores=(a_score(0.5), a_score(0.8, language="hi"))),
        an_artifact("a/third", languages=("yo", "hi"), scores=(a_score(0.4), a_score(0.9, language="hi"))),
    )
    for candidates in (0, 500):
        asked = {"metric": METRIC, "language": "yo"}
        assert names(find(registry.database, Query(**asked), candidates)) == ["first", "second", "third"]
        behind = find(registry.database, Query(**asked, after="a/first", offset=1, limit=1), candidates)
        assert names(behind) == ["second"]


def test_facets_are_counted_among_those_with_the_metric(shelf):
    assert shelf.find(Query(metric=METRIC, min_value=0.5)).facets["base"] == {"emoji-sd": 2, "sdxl": 1}


@pytest.mark.parametrize("asked", [{"sort": "metric"}, {"min_value": 0.5}, {"benchmark": "xtd10"}, {"split": "pairs"}])
def test_bounds_without_a_metric_are_refused(shelf, asked):
    with pytest.raises(InvalidRequest, match="needs a metric"):
        shelf.find(Query(**asked))


def test_a_private_artifact_is_found_only_by_its_readers(registry):
    fill(registry, an_artifact("a/open"), an_artifact("b/closed"))
    change_settings(registry.database, ArtifactName("b", "closed"), Actor("test"), private=True)
    asked = {"metric": METRIC, "sort": "metric"}
    assert names(registry.find(Query(**asked, readers=()))) == ["open"]
    assert set(names(registry.find(Query(**asked, readers=("b",))))) == {"open", "closed"}


def test_a_page_starts_after_the_last_artifact_even_if_others_were_added(registry):
    fill(registry, *(an_artifact(f"a/m{number}", scores=(a_score(number / 10),)) for number in (9, 7, 5, 3)))
    first = registry.find(Query(limit=2))
    assert names(first) == ["m9", "m7"]
    put(registry, an_artifact("a/m8", scores=(a_score(0.8),)), "e")
    by_place = registry.find(Query(limit=2, offset=2))
    assert names(by_place) == ["m7", "m5"]
    behind = registry.find(Query(limit=2, offset=2, after=first.items[-1].name.key))
    assert names(behind) == ["m5", "m3"]
    gone = registry.find(Query(limit=2, offset=2, after="a/deleted"))
    assert names(gone) == ["m7", "m5"]


@pytest.mark.parametrize("candidates", [500, 2], ids=["few", "more than are counted"])
def test_scores_on_several_benchmarks_are_not_ranked_together(shelf, candidates):
    with pytest.raises(InvalidRequest, match="has reproduced scores on several benchmarks, which are not comparable"):
        find(shelf.database, Query(metric=METRIC, sort="metric"), candidates)
    found = find(shelf.database, Query(metric=METRIC, min_value=0.5, sort="name"), candidates)
    assert names(found) == ["elsewhere", "high", "wide"], "another order compares no values"


def test_a_benchmark_of_private_artifacts_alone_changes_nothing_for_others(registry):
    fill(registry, an_artifact("a/open"), an_artifact("b/closed", scores=(a_score(0.9, benchmark="secret"),)))
    change_settings(registry.database, ArtifactName("b", "closed"), Actor("test"), private=True)
    asked = {"metric": METRIC, "sort": "metric"}
    assert names(registry.find(Query(**asked, readers=()))) == ["open"]
    with pytest.raises(InvalidRequest, match="several benchmarks"):
        registry.find(Query(**asked, readers=("b",)))


@pytest.mark.parametrize("candidates", [500, 2], ids=["few", "more than are counted"])
def test_of_several_splits_the_one_with_the_most_scores_orders(shelf, candidates):
    found = find(shelf.database, Query(metric=METRIC, benchmark=LAB, sort="metric"), candidates)
    assert names(found) == ["wide", "high", "low"]


@pytest.mark.parametrize("candidates", [0, 500])
def test_values_on_another_digest_or_class_of_n_are_not_compared(registry, candidates):
    fill(
        registry,
        an_artifact("a/good", scores=(a_score(0.7),)), an_artifact("a/better", scores=(a_score(0.8), a_score(0.99, sample_size=9))),
        an_artifact("b/other-data", scores=(a_score(0.9, benchmark_digest="e" * 64),)),
        an_artifact("b/few", languages=("hi",), scores=(a_score(0.95, sample_size=9, language="hi"),)),
    )  # fmt: skip
    asked = {"metric": METRIC, "benchmark": LAB, "sort": "metric"}
    assert names(find(registry.database, Query(**asked), candidates)) == ["better", "good"]
    assert names(find(registry.database, Query(**asked, language="hi"), candidates)) == ["few"], (
        "the only ranking in Hindi"
    )


@pytest.mark.parametrize("candidates", [0, 500])
def test_values_in_another_unit_or_direction_are_not_compared(registry, candidates):
    fill(
        registry,
        an_artifact("a/share", scores=(a_score(0.7),)), an_artifact("a/better", scores=(a_score(0.9),)),
        an_artifact("b/per-cent", scores=(a_score(72.3, unit="%"),)), an_artifact("b/reversed", scores=(a_score(0.1, better="down"),)),
    )  # fmt: skip
    asked = Query(metric=METRIC, benchmark=LAB, sort="metric")
    assert names(find(registry.database, asked, candidates)) == ["better", "share"]
    assert names(find(registry.database, Query(metric=METRIC, min_value=0.8), candidates)) == ["better"]


def test_an_artifact_with_many_scores_does_not_hide_the_next(registry):
    many = tuple(a_score(language=tag) for tag in ("yo", "hi", "en", "fr", "de", "es"))
    fill(registry, an_artifact("ada/many", scores=many), an_artifact("ada/one", scores=(a_score(value=0.01),)))
    asked = by_metric.metric_filter(registry.database, Query(metric=many[0].metric), ())
    assert len(by_metric.artifacts_with_score(registry.database, asked, 1)) == 2
