"""The registry is rebuilt from curated cards and from references in the store."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.errors import Unreachable
from hub.home import Home, stamp_of
from hub.local import LocalHub
from hub.maintenance.verify import verify
from hub.names import ArtifactName
from hub.publish.publish import FROM_CARDS, publish
from hub.records import Query
from hub.registry import Registry
from tests.builders import ROOT
from tests.builders.artifacts import a_card, a_folder, a_score, a_variant_config, some_weights
from tests.builders.hub import a_hub, delete_registry, opened_names


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """Two adapters and a folder without a card."""
    shelf = tmp_path / "cards"
    a_folder(shelf / "adapters" / "mulan-sw", a_card(languages=("sw",), scores=(a_score(0.4, language="sw"),)))
    a_folder(shelf / "adapters" / "mulan-hi", a_card(languages=("hi", "sw"), owner="someone"), seed=1)
    (shelf / "datasets" / "emoji").mkdir(parents=True)
    return shelf


def everything(hub: LocalHub) -> list[object]:
    """Return the results of all searches, and all revisions."""
    queries = [
        Query(),
        Query(language="yo"),
        Query(language="sw"),
        Query(text="prompts"),
        Query(sort="name"),
        Query(base="emoji-sd"),
    ]
    return [
        *map(hub.registry.find, queries),
        *map(hub.registry.revisions, hub.registry.names()),
        hub.registry.languages(),
    ]


def test_a_deleted_registry_is_rebuilt_the_same(tmp_path, cards):
    with a_hub(tmp_path, cards) as hub:
        for seed, value in enumerate((0.3, 0.6)):
            publish(a_folder(tmp_path / "mulan-yo", a_card(scores=(a_score(value),)), seed=seed), ArtifactName("local", "mulan-yo"),
                    hub.registry, hub.store, message=f"Run {seed}.")  # fmt: skip
        hub.registry.yank(ArtifactName("local", "mulan-yo"), "1")
        hub.index()
        before = everything(hub)
        assert hub.registry.find(Query(language="sw")).total == 2
        assert [artifact.name.name for artifact in hub.registry.find(Query(language="yo")).items] == ["mulan-yo"]
    delete_registry(tmp_path / "home")
    with a_hub(tmp_path, cards) as hub:
        assert everything(hub) == before
        assert [(each.number, each.yanked) for each in hub.registry.revisions("mulan-yo")] == [(2, False), (1, True)]
        assert verify(hub.registry, hub.store) == []


def test_curated_cards_belong_to_linguahub_unless_they_name_another_owner(tmp_path, cards):
    with a_hub(tmp_path, cards) as hub:
        assert hub.registry.names() == ["linguahub/mulan-sw", "someone/mulan-hi"]


def heads(hub: LocalHub) -> dict[str, str]:
    return {name: hub.registry.revision(name).id for name in hub.registry.names()}


def test_the_same_cards_have_the_same_revisions_in_every_clone_whatever_was_there_before(tmp_path, cards):
    with a_hub(tmp_path / "one", cards) as hub:
        first = heads(hub)
        assert {hub.registry.revision(name).created_at for name in hub.registry.names()} == {None}
    copied = shutil.copytree(cards, tmp_path / "clone")
    with a_hub(tmp_path / "two", copied) as hub:
        assert heads(hub) == first
    a_folder(copied / "adapters" / "mulan-sw", a_card(summary="Other words.", languages=("sw",)))
    with a_hub(tmp_path / "two", copied) as hub:
        changed = heads(hub)
        assert changed["linguahub/mulan-sw"] != first["linguahub/mulan-sw"]
    with a_hub(tmp_path / "three", copied) as hub:
        assert heads(hub) == changed


def test_a_card_with_its_former_content_is_its_former_revision(tmp_path, cards):
    folder = cards / "adapters" / "mulan-sw"
    before = (folder / "README.md").read_bytes()
    with a_hub(tmp_path, cards) as hub:
        first = hub.registry.revision("mulan-sw")
        a_folder(folder, a_card(summary="Other words.", languages=("sw",)))
        hub.index()
        assert hub.registry.revision("mulan-sw").number == 2
        (folder / "README.md").write_bytes(before)
        hub.index()
        assert hub.registry.revision("mulan-sw") == first
        assert hub.registry.get("mulan-sw").summary == a_card().summary
        kept = everything(hub)
    delete_registry(tmp_path / "home")
    with a_hub(tmp_path, cards) as hub:
        assert everything(hub) == kept


def test_a_revision_on_top_of_a_card_stays_the_head_until_the_card_changes(tmp_path, cards):
    folder = cards / "adapters" / "mulan-sw"
    name = ArtifactName("linguahub", "mulan-sw")
    with a_hub(tmp_path, cards) as hub:
        fetched = shutil.copytree(folder, tmp_path / "fetched")
        some_weights(fetched / "other-sd" / "model.safetensors")
        (fetched / "other-sd" / "config.json").write_text(json.dumps(a_variant_config("other-sd")))
        added = publish(fetched, name, hub.registry, hub.store, message="Convert.")
    delete_registry(tmp_path / "home")
    with a_hub(tmp_path, cards) as hub:
        assert hub.registry.revision(name).id == added.id
        a_folder(folder, a_card(summary="Other words.", languages=("sw",)))
        hub.index()
        assert hub.registry.revision(name).message == FROM_CARDS


def test_revisions_that_had_a_time_get_the_id_that_all_clones_have(tmp_path, cards):
    with a_hub(tmp_path / "new", cards) as hub:
        expected = heads(hub)
    name = ArtifactName("linguahub", "mulan-sw")
    with a_hub(tmp_path / "old") as hub:
        dated = publish(cards / "adapters" / "mulan-sw", name, hub.registry, hub.store, message=FROM_CARDS)
        assert dated.created_at is not None
    with a_hub(tmp_path / "old", cards) as hub:
        assert heads(hub) == expected
        assert [each.id for each in hub.registry.revisions(name)] == [expected[str(name)], dated.id]


def test_a_folder_without_a_card_is_skipped_with_a_warning(tmp_path, cards):
    with a_hub(tmp_path, cards) as hub:
        report = hub.index()
        assert (report.curated, report.restored, report.removed) == (2, 0, 0)
        assert report.warnings == (
            "skipped datasets/emoji: `linguahub/emoji` has no README.md: add one with at least language, license and kind.",
        )


def test_changed_cards_are_noticed_when_the_hub_is_opened(tmp_path, cards):
    a_hub(tmp_path, cards).close()
    a_folder(cards / "adapters" / "mulan-sw", a_card(summary="Now with Swahili proverbs.", languages=("sw",)))
    a_folder(cards / "adapters" / "new", a_card(), seed=5)
    with a_hub(tmp_path, cards) as hub:
        assert hub.registry.get("mulan-sw").summary == "Now with Swahili proverbs."
        assert hub.registry.revision("mulan-sw").number == 2
        assert hub.registry.revision("linguahub/new").number == 1


def test_an_artifact_whose_card_was_deleted_is_removed(tmp_path, cards):
    a_hub(tmp_path, cards).close()
    (cards / "adapters" / "mulan-sw").rename(cards / "adapters" / "renamed")
    with a_hub(tmp_path, cards) as hub:
        assert hub.registry.names() == ["linguahub/renamed", "someone/mulan-hi"]
        assert sorted(name for name, _ in hub.store.references()) == hub.registry.names()


def test_a_card_that_was_broken_keeps_its_last_good_revision(tmp_path, cards):
    a_hub(tmp_path, cards).close()
    (cards / "adapters" / "mulan-sw" / "README.md").write_text("broken")
    with a_hub(tmp_path, cards) as hub:
        assert hub.registry.get("mulan-sw").languages == ("sw",)
        assert len(hub.index().warnings) == 2


def test_a_damaged_reference_is_skipped_with_a_warning(tmp_path):
    with a_hub(tmp_path) as hub:
        hub.store.write_reference(
            ArtifactName("local", "lost"), b'{"revisions": [{"id": "' + b"0" * 64 + b'", "yanked": false}]}'
        )
        hub.store.write_reference(ArtifactName("local", "torn"), b"{")
        warnings = hub.index().warnings
        assert len(warnings) == 2
        assert all("\n" not in warning for warning in warnings)


def test_processes_that_open_at_once_all_find_everything(tmp_path, cards):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(opened_names, [(str(tmp_path), str(cards))] * 4)
    assert found == [["linguahub/mulan-sw", "someone/mulan-hi"]] * 4


def test_noticing_changes_is_quick(cards):
    stamp = stamp_of(cards)
    start = time.perf_counter()
    assert stamp_of(cards) == stamp
    assert time.perf_counter() - start < 0.05
    os.utime(cards / "adapters" / "mulan-sw" / "README.md")
    assert stamp_of(cards) != stamp


def test_a_snapshot_equals_the_folder_and_is_created_once(tmp_path, cards):
    with a_hub(tmp_path, cards) as hub:
        folder = hub.snapshot("mulan-sw")
        assert folder == hub.snapshot("linguahub/mulan-sw", "1")
        assert len(folder.name) == 40
        source = cards / "adapters" / "mulan-sw"
        files = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
        assert sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file()) == files
        assert all((folder / file).read_bytes() == (source / file).read_bytes() for file in files)
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_where_links_fail_a_snapshot_is_copied(tmp_path, cards, monkeypatch):
    def no_links(*_args: object) -> None:
        raise OSError(1, "Operation not permitted")

    with a_hub(tmp_path, cards) as hub:
        monkeypatch.setattr(Path, "symlink_to", no_links)
        readme = hub.snapshot("mulan-sw") / "README.md"
        assert not readme.is_symlink()
        assert readme.read_bytes() == (cards / "adapters" / "mulan-sw" / "README.md").read_bytes()


def test_a_home_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    home = Home(tmp_path / "file" / "registry.db", tmp_path / "file", tmp_path)
    with pytest.raises(Unreachable, match="Set HUB_HOME to a folder you can write") as raised:
        LocalHub.open(home)
    assert "\n" not in str(raised.value)


def test_home_is_found_by_environment_then_checkout(tmp_path):
    assert Home.find(environment={}) == Home(ROOT / "registry.db", ROOT / ".hub", ROOT / "cards", "local")
    asked = Home.find(environment={"HUB_HOME": str(tmp_path), "HUB_CARDS": str(tmp_path / "c"), "HUB_OWNER": "ade"})
    assert asked == Home(tmp_path / "registry.db", tmp_path, tmp_path / "c", "ade")
    assert Home.find(tmp_path / "other", {"HUB_HOME": str(tmp_path)}).folder == tmp_path / "other"


def test_in_an_installation_home_is_the_users_data(tmp_path, monkeypatch):
    package = tmp_path / "site" / "hub"
    package.mkdir(parents=True)
    monkeypatch.setattr("hub.home.__file__", str(package / "home.py"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    home = Home.find(environment={})
    assert home.database.name == "registry.db"
    assert home.folder.name == "linguahub"
    assert home.cards == tmp_path / "site" / "cards"


def test_the_hub_imports_nothing_heavy():
    script = (
        "import hub, hub.local, sys; sys.exit(', '.join({'torch', 'sqlalchemy', 'numpy', 'yaml'} & set(sys.modules)))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=300
        ).stderr.strip()
        == ""
    )


def test_the_cards_of_a_new_installation_are_recorded_in_one_transaction(tmp_path, cards, monkeypatch):
    recorded = []
    honest = Registry.record_new

    def note(self, entries):
        recorded.append([str(artifact.name) for artifact, _ in entries])
        honest(self, entries)

    monkeypatch.setattr(Registry, "record_new", note)
    with a_hub(tmp_path, cards) as hub:
        assert recorded == [["someone/mulan-hi", "linguahub/mulan-sw"]]
        assert hub.registry.jobs() == []
        assert sorted(name for name, _ in hub.store.references()) == ["linguahub/mulan-sw", "someone/mulan-hi"]
        assert hub.registry.find(Query(language="sw")).facets["language"] == {"sw": 2, "hi": 1}
        assert [each.name.name for each in hub.registry.find(Query(language="sw")).items] == ["mulan-sw", "mulan-hi"]


def test_artifacts_recorded_together_are_those_recorded_one_by_one(tmp_path, cards, monkeypatch):
    with a_hub(tmp_path / "together", cards) as hub:
        together = everything(hub)
    monkeypatch.setattr("hub.registry.artifacts.record.has_listeners", lambda _session: True)
    with a_hub(tmp_path / "apart", cards) as hub:
        assert everything(hub) == together


def test_two_folders_with_one_name_are_indexed_one_after_the_other(tmp_path, cards):
    a_folder(cards / "projectors" / "mulan-sw", a_card(kind="projector", languages=("hi",)), seed=5)
    with a_hub(tmp_path, cards) as hub:
        assert hub.registry.get("mulan-sw").languages == ("hi",)
        assert len(hub.registry.revisions("mulan-sw")) == 2
