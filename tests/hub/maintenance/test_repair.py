"""Every copy of a blob restores it."""

import pytest
from huggingface_hub import constants

from hub.cli import main
from hub.maintenance.backup import back_up
from hub.maintenance.garbage import collect, unreferenced_blobs
from hub.maintenance.repair import repair
from hub.maintenance.verify import verify
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.store import FolderStore, open_store
from tests.builders.artifacts import a_folder
from tests.builders.damage import damage
from tests.builders.hub import a_hub

NAME = ArtifactName("local", "mulan-yo")


@pytest.fixture
def weights(hub, tmp_path):
    revision = publish(a_folder(tmp_path / "mulan-yo"), NAME, hub.registry, hub.store)
    return next(file for file in revision.files if file.path.endswith("safetensors"))


def is_healed(hub, file) -> bool:
    return hub.store.verify(file.digest, file.size_bytes) == file.size_bytes and not list(hub.store.quarantined())


def content_of(hub, file) -> bytes:
    with hub.store.open(file.digest, file.size_bytes) as opened:
        return opened.read()


@pytest.mark.parametrize("kind", ["folder", "backup", "bucket"])
def test_a_blob_is_restored_from_another_store_or_a_backup(hub, weights, tmp_path, kind, request):
    content = content_of(hub, weights)
    if kind == "backup":
        back_up(hub.registry, hub.store, tmp_path / "copy")
        FolderStore(tmp_path / "copy" / "store").delete(weights.digest)  # A hard link: the disk damages both.
        FolderStore(tmp_path / "copy" / "store").put(content)
        place = str(tmp_path / "copy")
    else:
        place = str(tmp_path / "copy") if kind == "folder" else request.getfixturevalue("bucket")
        open_store(place).put(content)
    damage(hub.store, weights.digest)
    assert repair(hub, [weights.digest]) == []
    assert repair(hub, [weights.digest], stores=[str(tmp_path / "absent"), place]) == [weights.digest]
    assert is_healed(hub, weights)


def test_a_blob_is_restored_from_the_cache_of_hugging_face(hub, weights, tmp_path, monkeypatch):
    blobs = tmp_path / "cache" / "models--ada--mulan" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / weights.digest.hex).write_bytes(content_of(hub, weights))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    damage(hub.store, weights.digest)
    assert repair(hub, [weights.digest]) == [weights.digest]
    assert is_healed(hub, weights)


def test_a_damaged_copy_restores_nothing(hub, weights, tmp_path):
    open_store(tmp_path / "copy").put(content_of(hub, weights))
    damage(open_store(tmp_path / "copy"), weights.digest)
    damage(hub.store, weights.digest)
    assert repair(hub, [weights.digest], stores=[str(tmp_path / "copy")]) == []
    assert [problem.digest for problem in verify(hub.registry, hub.store) if problem.is_fault] == [weights.digest]


def test_a_backup_reports_damage_and_keeps_its_earlier_copy(hub, weights, tmp_path):
    assert back_up(hub.registry, hub.store, tmp_path / "backup").faults == ()
    copies, content = FolderStore(tmp_path / "backup" / "store"), content_of(hub, weights)
    copies.delete(weights.digest)
    copies.put(content)
    damage(hub.store, weights.digest)
    verify(hub.registry, hub.store)
    (fault,) = back_up(hub.registry, hub.store, tmp_path / "backup").faults
    assert weights.digest.hex in fault
    copies.verify(weights.digest)


def test_damaged_bytes_without_a_reference_are_collected(hub):
    digest, _ = hub.store.put(b"stray")
    damage(hub.store, digest)
    problems = verify(hub.registry, hub.store)
    assert any("damaged unreferenced blobs: 1" in problem.text and not problem.is_fault for problem in problems)
    collect(hub.registry, hub.store, unreferenced_blobs(hub.registry, hub.store))
    assert list(hub.store.quarantined()) == []


def test_the_command_sets_damage_aside_and_restores_from_a_backup(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "no-cards"))
    with a_hub(tmp_path) as hub:
        revision = publish(a_folder(tmp_path / "mulan-yo"), NAME, hub.registry, hub.store)
        file = next(file for file in revision.files if file.path.endswith("safetensors"))
        open_store(tmp_path / "copy").put(content_of(hub, file))
        damage(hub.store, file.digest)
    assert main(["verify", "--rate", "1000"]) == 1
    assert f"blob {file.digest} is damaged and not served" in capsys.readouterr().err
    with a_hub(tmp_path) as hub:
        assert list(hub.store.quarantined()) == [file.digest]
    assert main(["verify", "--repair", "--from", str(tmp_path / "copy")]) == 0
    assert "1 restored, no faults." in capsys.readouterr().out
    assert main(["verify"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repair", "--from", "/no/such/folder"], "`/no/such/folder` is not a folder"),
        (["--from", "."], "add `--repair`"),
    ],
)
def test_a_wrong_source_is_told_before_the_store_is_read(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "home"))
    assert main(["verify", *arguments]) == 2
    written = capsys.readouterr()
    assert message in written.err and written.err.count("\n") == 1
    assert written.out == ""
