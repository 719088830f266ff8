"""Garbage collection, backup and repair."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from hub.cli import main
from hub.errors import InvalidRequest
from hub.maintenance.garbage import DAY_S, collect, unreferenced_blobs
from hub.maintenance.verify import verify
from hub.names import ArtifactName, Digest
from hub.publish.publish import publish
from tests.builders.artifacts import a_folder
from tests.builders.hub import a_hub, delete_registry
from tests.builders.processes import running
from tests.builders.serving import serving

NAME = ArtifactName("local", "mulan-yo")


def age(store, digest, days):
    then = time.time() - days * DAY_S
    os.utime(store.path(digest), (then, then))


def age_all(store, days=31):
    for digest in list(store.digests()):
        age(store, digest, days)


def test_only_old_unreferenced_blobs_are_deleted(hub, tmp_path):
    revision = publish(a_folder(tmp_path / "mulan-yo"), NAME, hub.registry, hub.store)
    old, young = hub.store.put(b"old")[0], hub.store.put(b"young")[0]
    age_all(hub.store)
    age(hub.store, young, 29)
    found = unreferenced_blobs(hub.registry, hub.store)
    assert [(stray.digest, stray.size_bytes, round(stray.age_days)) for stray in found] == [(old, 3, 31)]
    assert collect(hub.registry, hub.store, found) == found
    assert set(hub.store.digests()) == {young, Digest(revision.id), *(file.digest for file in revision.files)}
    assert [problem for problem in verify(hub.registry, hub.store) if problem.is_fault] == []


def test_files_of_former_and_yanked_revisions_stay(hub, tmp_path):
    first = publish(a_folder(tmp_path / "a"), NAME, hub.registry, hub.store)
    publish(a_folder(tmp_path / "b", seed=1), NAME, hub.registry, hub.store)
    hub.registry.yank(NAME, first.id)
    age_all(hub.store, 400)
    assert unreferenced_blobs(hub.registry, hub.store) == []


def test_files_of_a_removed_artifact_are_deleted(hub, tmp_path):
    revision = publish(a_folder(tmp_path / "mulan-yo"), NAME, hub.registry, hub.store)
    hub.registry.remove(NAME)
    hub.store.delete_reference(NAME)
    age_all(hub.store)
    assert len(collect(hub.registry, hub.store, unreferenced_blobs(hub.registry, hub.store))) == len(revision.files) + 1
    assert list(hub.store.digests()) == []


def test_blobs_that_were_put_again_or_referenced_since_they_were_listed_stay(hub, tmp_path):
    again, _ = hub.store.put(b"again")
    folder = a_folder(tmp_path / "mulan-yo")
    for path in folder.rglob("*"):
        if path.is_file():
            hub.store.put_file(path)
    age_all(hub.store)
    found = unreferenced_blobs(hub.registry, hub.store)
    hub.store.put(b"again")
    publish(folder, NAME, hub.registry, hub.store)
    assert collect(hub.registry, hub.store, found) == []
    assert again in hub.store
    assert [problem for problem in verify(hub.registry, hub.store) if problem.is_fault] == []


def test_recent_uploads_stay_and_so_do_recently_used_xorbs(hub):
    from hub.registry.accounts.permissions import Actor, Caller
    from hub.registry.uploads.uploads import record_upload, record_xorb, touch_xorbs

    ada = hub.accounts.add("ada", Actor("root"))
    database = hub.registry.database
    sent, used, unused, late = (hub.store.put(word)[0] for word in (b"sent", b"used", b"unused", b"late"))
    record_upload(database, Caller(account=ada), sent, 4)
    record_upload(database, Caller(account=ada), late, 4)
    for name, digest in (("used", used), ("unused", unused)):
        record_xorb(database, ada, name, digest, 4, b"")
    then = (datetime.now(UTC) - timedelta(days=31)).replace(tzinfo=None).isoformat(" ", "microseconds")
    database.execute("UPDATE xorbs SET at = :then, used_at = :then", {"then": then})
    database.execute("UPDATE uploads SET at = :then WHERE digest = :late", {"then": then, "late": late.hex})
    touch_xorbs(database, ada.id, ["used"])
    age_all(hub.store)
    assert {
        stray.digest for stray in collect(hub.registry, hub.store, unreferenced_blobs(hub.registry, hub.store))
    } == {
        unused,
        late,
    }
    assert set(hub.store.digests()) == {sent, used}


def test_a_store_of_another_registry_is_left_alone(hub, tmp_path):
    publish(a_folder(tmp_path / "mulan-yo"), NAME, hub.registry, hub.store)
    hub.registry.remove(NAME)
    age_all(hub.store)
    with pytest.raises(
        InvalidRequest, match="the store contains `local/mulan-yo`, which this registry does not know: run `hub index`"
    ):
        unreferenced_blobs(hub.registry, hub.store)
    with pytest.raises(InvalidRequest, match="too short"):
        unreferenced_blobs(hub.registry, hub.store, days=0)


def test_the_command_lists_first_and_deletes_on_request(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "no-cards"))
    with a_hub(tmp_path) as hub:
        digest, _ = hub.store.put(b"stray")
        age_all(hub.store)
    assert main(["gc"]) == 0
    assert "Unreferenced: 1 blob, 5 bytes. Delete with `hub gc --yes`." in capsys.readouterr().out
    assert digest in hub.store
    assert main(["gc", "--yes"]) == 0
    assert "Deleted 1 blob, 5 bytes." in capsys.readouterr().out
    assert digest not in hub.store
    assert main(["gc"]) == 0
    assert capsys.readouterr().out == "Nothing to delete.\n"


WRITER = """
import sys
from pathlib import Path
from hub.names import ArtifactName
from hub.publish.publish import publish
from tests.builders.artifacts import a_folder
from tests.builders.hub import a_hub
root, rounds = Path(sys.argv[1]), int(sys.argv[2])
with a_hub(root) as hub:
    for number in range(rounds):
        folder = a_folder(root / "mulan-yo", seed=number % 5)
        publish(folder, ArtifactName("local", f"m{number}"), hub.registry, hub.store)
        print(number, flush=True)
"""
COLLECTOR = """
import os, sys, time
from pathlib import Path
from hub.maintenance.garbage import DAY_S, collect, unreferenced_blobs
from tests.builders.hub import a_hub

def age(store, digest, days):
    then = time.time() - days * DAY_S
    os.utime(store.path(digest), (then, then))

with a_hub(Path(sys.argv[1])) as hub:
    while True:
        for stray in range(20):
            age(hub.store, hub.store.put(f"stray {stray}".encode())[0], 31)
        for digest in set(hub.store.digests()) - hub.registry.referenced_blobs():
            try:
                age(hub.store, digest, 31) if hub.store.age_s(digest) > 5 else None
            except Exception:
                pass
        print(len(collect(hub.registry, hub.store, unreferenced_blobs(hub.registry, hub.store))), flush=True)
"""


@pytest.fixture
def start():
    """Return a function that starts a script, which ends with the test."""
    with ExitStack() as stack:

        def start(script, *arguments):
            command = [sys.executable, "-c", script, *map(str, arguments)]
            return stack.enter_context(running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))

        yield start


def test_a_collector_killed_beside_a_writer_loses_no_blob(tmp_path, start):
    a_hub(tmp_path).close()
    writer = start(WRITER, tmp_path, 12)
    reader = threading.Thread(target=writer.communicate)
    reader.start()
    kills = 0
    while writer.poll() is None or kills < 3:
        collector = start(COLLECTOR, tmp_path)
        collected = collector.stdout.readline()
        time.sleep(0.05 * (kills % 4))
        collector.send_signal(signal.SIGKILL)
        _, errors = collector.communicate(timeout=60)
        assert collected.strip().isdecimal(), errors
        kills += 1
    reader.join(60)
    assert writer.returncode == 0
    with a_hub(tmp_path) as hub:
        assert len(hub.registry.names()) == 12
        assert [problem.text for problem in verify(hub.registry, hub.store) if problem.is_fault] == []


def test_a_backup_made_beside_a_writer_is_complete_and_a_killed_one_is_refused(tmp_path, start):
    from hub.maintenance.backup import back_up, restore
    from hub.registry.database.open import open_database
    from hub.store import open_store

    a_hub(tmp_path).close()
    writer = start(WRITER, tmp_path, 12)
    assert writer.stdout.readline() == "0\n"
    with a_hub(tmp_path) as hub:
        back_up(hub.registry, hub.store, tmp_path / "backup")
    writer.communicate(timeout=60)
    database, store = open_database(tmp_path / "new.db"), open_store(tmp_path / "new-store")
    restore(tmp_path / "backup", database, store)
    from hub.registry import Registry

    restored = Registry(database, "local")
    assert 1 <= len(restored.names()) <= 12
    assert [problem.text for problem in verify(restored, store) if problem.is_fault] == []
    restored.close()

    script = "import sys, hub.maintenance.backup; from pathlib import Path; from tests.builders.hub import a_hub; root = Path(sys.argv[1]); opened = a_hub(root); print('ready', flush=True); hub.maintenance.backup.back_up(opened.registry, opened.store, root / 'backup')"
    for wait in (0.0, 0.01, 0.03):
        killed = start(script, tmp_path)
        killed.stdout.readline()
        time.sleep(wait)
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=60)
        if not (tmp_path / "backup" / "backup.json").exists():
            with pytest.raises(InvalidRequest, match="is not a complete backup"):
                restore(tmp_path / "backup", open_database(tmp_path / "none.db"), store)
    with a_hub(tmp_path) as hub:
        assert back_up(hub.registry, hub.store, tmp_path / "backup").faults == ()


def test_lost_and_damaged_blobs_are_restored_from_the_registry_the_cards_and_copies(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "cards"))
    a_folder(tmp_path / "cards" / "adapters" / "mulan-yo")
    with a_hub(tmp_path, tmp_path / "cards") as hub:
        revision = hub.registry.revision("mulan-yo")
        path = hub.store.path(Digest(revision.id))
        path.write_bytes(b"damaged")
        weights, card = (
            next(file for file in revision.files if file.path.endswith(name)) for name in ("safetensors", "README.md")
        )
        hub.store.path(weights.digest).write_bytes(b"other bytes")
        hub.store.delete(card.digest)
        alone = publish(a_folder(tmp_path / "alone", seed=9), ArtifactName("local", "alone"), hub.registry, hub.store)
        lost = next(file for file in alone.files if file.path.endswith("safetensors"))
        hub.store.delete(lost.digest)
    assert main(["verify"]) == 1
    assert capsys.readouterr().err.count("`hub verify --repair`") == 4
    assert main(["verify", "--repair"]) == 1
    printed = capsys.readouterr()
    assert "3 restored, 1 fault." in printed.out
    assert lost.digest.hex in printed.err
    with a_hub(tmp_path, tmp_path / "cards") as hub:
        hub.store.put_file(tmp_path / "alone" / "emoji-sd" / "model.safetensors", lost.digest)
    assert main(["verify"]) == 0


def test_a_blob_is_restored_from_another_hub(tmp_path):

    from hub.maintenance.repair import repair

    for place in ("upstream", "here"):
        with a_hub(tmp_path / place) as hub:
            revision = publish_at(hub, tmp_path / "mulan-yo")
    weights = next(file for file in revision.files if file.path.endswith("safetensors"))
    with a_hub(tmp_path / "upstream") as upstream, a_hub(tmp_path / "here") as hub:
        hub.store.delete(weights.digest)
        with serving(upstream) as address:
            assert repair(hub, [weights.digest], address) == [weights.digest]
        assert verify(hub.registry, hub.store) == []


def publish_at(hub, folder):
    """Publish the same revision in every hub: from a card, without a time."""
    from hub.publish.publish import publish_card

    return publish_card(a_folder(folder), NAME, hub.registry, hub.store)


def test_the_commands_back_up_and_restore(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "no-cards"))
    with a_hub(tmp_path) as hub:
        revision = publish(a_folder(tmp_path / "mulan-yo"), NAME, hub.registry, hub.store)
    assert main(["backup", str(tmp_path / "backup")]) == 0
    assert "hard-linked" in capsys.readouterr().out
    assert main(["restore", str(tmp_path / "backup")]) == 2
    assert "is not an empty registry" in capsys.readouterr().err
    delete_registry(tmp_path / "home")
    assert main(["restore", str(tmp_path / "backup")]) == 0
    with a_hub(tmp_path) as hub:
        assert hub.registry.revision(NAME) == revision
    assert main(["restore", str(tmp_path)]) == 2
    assert "is not a complete backup" in capsys.readouterr().err
