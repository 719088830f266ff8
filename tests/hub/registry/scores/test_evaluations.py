"""Provenance of scores, on each database: only scores that this hub has measured on a revision are reproduced, and they are not inherited."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.names import ArtifactName
from hub.records import Provenance, Query
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.record import reproduce
from hub.registry.artifacts.repositories import move_repository
from hub.registry.scores.evaluations import agrees, unreproduced
from hub.registry.scores.leaderboard import LeaderboardQuery, leaderboards
from hub.registry.scores.scores import dispute, published_scores
from tests.builders.artifacts import a_score
from tests.builders.registry import a_revision, an_artifact, fill, names

ADA = ArtifactName("ada", "yo")
ACTOR = Actor("test")
BOARD = {"benchmark": "emoji-generation", "metric": "r_precision_at_1"}


def reproduced_here(registry, name, *scores, digit="0"):
    """Record what this hub measured, as `hub.publish.reproduce` does with the card that the claims are in."""
    claims = (Provenance.SELF_REPORTED, Provenance.DISPUTED)
    card = [
        each.score
        for each in published_scores(registry.database, ArtifactName.parse(name, ""))
        if each.score.provenance in claims
    ]
    artifact = replace(
        registry.get(name), scores=tuple(replace(each, provenance=Provenance.SELF_REPORTED, reason="") for each in card)
    )
    with registry.database.transaction() as session:
        reproduce(session, artifact, a_revision(name, digit), scores, ACTOR)


def provenances(registry, name):
    return [(str(score.provenance), score.value) for score in registry.get(name).scores]


def board(registry, provenance="reproduced"):
    boards = leaderboards(registry.database, LeaderboardQuery(**BOARD, provenance=provenance), 10)
    return [str(each.artifact) for board in boards for each in board.entries]


def test_a_card_cannot_make_a_score_reproduced(registry):
    claimed = an_artifact("ada/yo", scores=(a_score(0.9999, provenance=Provenance.REPRODUCED),))
    fill(registry, claimed, reproduced=False)
    assert provenances(registry, "ada/yo") == [("self-reported", 0.9999)]
    assert board(registry) == []


def test_a_claim_that_agrees_is_shown_once_as_this_hub_measured_it(registry):
    fill(registry, an_artifact("ada/yo", scores=(a_score(0.84),)), reproduced=False)
    reproduced_here(registry, "ada/yo", a_score(0.83, source="here"))
    assert provenances(registry, "ada/yo") == [("reproduced", 0.83)]
    assert board(registry) == ["ada/yo"]
    assert board(registry, "self-reported") == ["ada/yo"], "the claim is still one"


def test_a_claim_outside_the_interval_measured_here_is_disputed_whatever_its_own_interval(registry):
    fill(registry, an_artifact("ada/yo", scores=(a_score(0.9999, low=0.0, high=1.0),)), reproduced=False)
    reproduced_here(registry, "ada/yo", a_score(0.84))
    assert provenances(registry, "ada/yo") == [("reproduced", 0.84), ("disputed", 0.9999)]
    assert registry.get("ada/yo").scores[1].reason == "measured as 0.84 [0.79–0.89] on revision 000000000000 (this hub)"
    later = a_revision("ada/yo", "1", parent="0" * 64, days=1)
    registry.record(an_artifact("ada/yo", scores=(a_score(0.9999, low=0.0, high=1.0),)), later, "0" * 64)
    assert provenances(registry, "ada/yo") == [("disputed", 0.9999)], "a commit does not wash a claim"
    reproduced_here(registry, "ada/yo", a_score(0.98), digit="1")
    assert provenances(registry, "ada/yo") == [("reproduced", 0.98)], "a measurement that agrees does"


def test_values_without_an_interval_agree_within_five_percent():
    def fid(value):
        return a_score(value, metric="fid", low=None, high=None, better="down")

    assert agrees(fid(10.0), fid(10.4))
    assert not agrees(fid(10.0), fid(11.0))
    assert agrees(fid(10.0), replace(fid(40.0), sample_size=8)), "a distance at another n proves nothing"


@pytest.mark.parametrize("change", ["commit", "rename", "copy", "create again"])
def test_nothing_inherits_a_reproduced_score(registry, change):
    scores = (a_score(0.8),)
    fill(registry, an_artifact("ada/yo", scores=scores))
    assert board(registry) == ["ada/yo"]
    if change == "commit":
        registry.record(an_artifact("ada/yo", scores=scores), a_revision("ada/yo", "1", "0" * 64, days=1), "0" * 64)
    elif change == "rename":
        move_repository(registry.database, ADA, ArtifactName("eve", "yo"), ACTOR)
    elif change == "create again":
        registry.remove(ADA)
        fill(registry, an_artifact("ada/yo", scores=scores), reproduced=False)
    else:
        registry.record(an_artifact("eve/yo", scores=registry.get("ada/yo").scores), a_revision("eve/yo", "1"), None)
    changed = "eve/yo" if change in {"rename", "copy"} else "ada/yo"
    assert provenances(registry, changed) == [("self-reported", 0.8)]
    assert board(registry) == (["ada/yo"] if change == "copy" else [])


def test_a_yanked_revision_gives_way_to_the_scores_of_the_former_one(registry):
    artifact = an_artifact("ada/yo", scores=(a_score(0.8),))
    fill(registry, artifact)
    first, second = a_revision("ada/yo", "0"), a_revision("ada/yo", "1", "0" * 64, days=1)
    registry.record(artifact, second, first.id)
    registry.yank(ADA, second.id, current=(artifact, first))
    assert provenances(registry, "ada/yo") == [("reproduced", 0.8)]


def test_only_reproduced_scores_and_the_curated_cards_order_artifacts(registry):
    fill(
        registry,
        an_artifact("linguahub/better", scores=(a_score(0.84),)),
        an_artifact("linguahub/worse", scores=(a_score(0.5),)),
        an_artifact("ada/copy", scores=(a_score(0.9999),)),
        an_artifact("bob/honest", scores=(a_score(0.3),)),
        reproduced=False,
    )
    for query in (Query(), Query(language="yo"), Query(text="Yoruba"), Query(kind="adapter", base="emoji-sd")):
        assert names(registry.find(query)) == ["better", "worse", "copy", "honest"]
    reproduced_here(registry, "bob/honest", a_score(0.3), digit="3")
    for query in (Query(), Query(language="yo"), Query(text="Yoruba"), Query(kind="adapter", base="emoji-sd")):
        assert names(registry.find(query))[:2] == ["honest", "better"]
    assert names(registry.find(Query(metric="r_precision_at_1", sort="metric"))) == ["honest"]


def test_a_score_that_an_account_doubts_is_disputed_until_this_hub_reproduces_it(registry):
    fill(registry, an_artifact("linguahub/yo", scores=(a_score(0.8),)), reproduced=False)
    [claim] = published_scores(registry.database, ArtifactName("linguahub", "yo"))
    disputed = dispute(registry.database, ArtifactName("linguahub", "yo"), claim.id, "trained on the test set", ACTOR)
    assert disputed.score.provenance is Provenance.DISPUTED
    reproduced_here(registry, "linguahub/yo", a_score(0.8, source="here"))
    assert ("reproduced", 0.8) in provenances(registry, "linguahub/yo")


def test_the_worker_finds_claims_that_are_not_reproduced(registry):
    fill(
        registry,
        an_artifact("ada/claimed"),
        an_artifact("ada/elsewhere", scores=(a_score(benchmark="xtd10"),)),
        an_artifact("ada/control", scores=(a_score(metric="base_alone_r_precision_at_1"),)),
        an_artifact("ada/told", scores=(a_score(provenance=Provenance.REPORTED),)),
        reproduced=False,
    )
    waiting = unreproduced(registry.database, ["emoji-generation"])
    assert waiting == [(ArtifactName("ada", "claimed"), "0" * 64)]
    reproduced_here(registry, "ada/claimed", replace(a_score(), metric="another"))
    assert unreproduced(registry.database, ["emoji-generation"]) == []
