"""A yanked revision is not current: downloads and the description of the artifact use the one before it."""

from __future__ import annotations

import pytest

from hub.conditioning import Conditioning
from hub.errors import AllYanked, YankedRevision
from hub.loader.base_source import BaseSource
from hub.loader.sources import Sources
from hub.names import ArtifactName
from hub.publish.commit import Deletion, commit, duplicate, squash, yank
from hub.publish.publish import drain_outbox, publish
from hub.records import Query
from hub.registry.accounts.permissions import Actor
from tests.builders.artifacts import a_card, a_folder, a_score
from tests.builders.hub import a_hub, delete_registry
from tests.builders.registry import reproduce_claims

NAME = ArtifactName("ada", "yo")
ADA = Actor("ada")


@pytest.fixture
def two(hub, tmp_path):
    """`ada/yo` with a good revision, and a seemingly better one that was trained on the test set."""
    for seed, summary in enumerate(("Honest.", "Cheating.")):
        card = a_card(summary=summary, scores=(a_score(0.4 + seed / 2),))
        publish(a_folder(tmp_path / "yo", card, seed=seed), NAME, hub.registry, hub.store)
    return hub.registry.get(NAME)


def withdraw(hub, revision="main", *, yanked=True):
    return yank(hub.registry.get(NAME), revision, hub.registry, hub.store, ADA, yanked=yanked)


def test_the_artifact_is_described_by_the_current_revision(hub, two):
    withdraw(hub)
    found = hub.registry.get(NAME)
    assert (found.summary, [score.value for score in found.scores]) == ("Honest.", [0.4])
    assert found.revision == hub.registry.revision(NAME, "1").id
    assert found.weights_digest != two.weights_digest
    assert hub.registry.find(Query(text="cheating")).total == 0
    withdraw(hub, yanked=False)
    assert hub.registry.get(NAME) == two
    assert hub.registry.find(Query(text="cheating")).total == 1


def test_a_reproduced_score_ranks_the_artifact_while_its_revision_is_current(hub, two):
    def ranking():
        return hub.registry.database.rows("SELECT ranking FROM artifacts")[0][0]

    unranked = ranking()
    reproduce_claims(hub, NAME)
    best = ranking()
    assert best < unranked
    withdraw(hub)
    assert ranking() == unranked
    reproduce_claims(hub, NAME)
    assert best < ranking() < unranked
    withdraw(hub, yanked=False)
    assert ranking() == best


def test_a_snapshot_uses_the_revision_before_and_warns_of_a_pinned_one(hub, two):
    withdraw(hub)
    assert "Honest." in (hub.snapshot(NAME) / "README.md").read_text()
    with pytest.warns(YankedRevision, match="revision 2 of `ada/yo` was yanked"):
        assert "Cheating." in (hub.snapshot(NAME, "2") / "README.md").read_text()


def test_the_loader_uses_the_revision_before_unless_one_is_pinned(hub, two, tmp_path):
    withdraw(hub)
    base = BaseSource("emoji-sd", tmp_path, None, Conditioning(width=128, length=16), "", ("en",))
    with Sources(hub) as sources:
        assert sources.module("ada/yo", base, None).folder == hub.snapshot(NAME, "1") / "emoji-sd"
        with pytest.warns(YankedRevision):
            assert sources.module("ada/yo@2", base, None).folder.parent.name == two.revision[:40]
        withdraw(hub, "1")
        with pytest.raises(AllYanked):
            sources.module("ada/yo", base, None)


def test_commits_and_squashes_continue_from_the_last_revision(hub, two):
    withdraw(hub)
    artifact = hub.registry.get(NAME)
    squash(artifact, hub.registry, hub.store, ADA, message="one", branch="main")
    withdrawn = hub.registry.tip(NAME)
    assert withdrawn.yanked, "squashing does not make it good"
    with pytest.raises(AllYanked):
        hub.registry.revision(NAME)
    change = [Deletion("emoji-sd", is_folder=True)]
    made = commit(artifact, change, hub.registry, hub.store, ADA, message="without", parent=withdrawn.id)
    assert (made.parent, hub.registry.revision(NAME).id) == (withdrawn.id, made.id)


def test_a_duplicate_starts_with_the_current_revision(hub, two):
    withdraw(hub)
    target = ArtifactName("bob", "copy")
    duplicate(hub.registry.get(NAME), target, hub.registry, hub.store, Actor("bob"), private=False)
    assert hub.registry.get(target).summary == "Honest."


def test_a_rebuilt_registry_knows_the_yanked_revisions(hub, two, tmp_path):
    withdraw(hub)
    drain_outbox(hub.registry, hub.store)
    hub.close()
    delete_registry(tmp_path / "home")
    with a_hub(tmp_path) as again:
        assert (again.registry.get(NAME).summary, again.registry.revision(NAME).number) == ("Honest.", 1)
        assert again.registry.tip(NAME).yanked
