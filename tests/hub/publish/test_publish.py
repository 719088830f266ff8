import pickle
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.errors import Conflict, HubError, InvalidCard, InvalidName, InvalidSource, UnknownArtifact, Unreachable
from hub.maintenance.verify import verify
from hub.names import ArtifactName, Digest
from hub.publish.publish import publish
from hub.registry.accounts.file_policy import set_file_policy
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.scans import scans_in
from hub.store import FolderStore, MemoryStore
from hub.weights.digest import weights_digest
from tests.builders.artifacts import a_card, a_folder, some_weights

NAME = ArtifactName("local", "mulan-yo")


def push(hub, folder, name=NAME, **options):
    return publish(folder, name, hub.registry, hub.store, **options)


def nothing_was_kept(hub):
    return hub.registry.names() == [] and list(hub.store.digests()) == [] and hub.store.unfinished() == []


def test_a_folder_becomes_a_revision_with_all_its_files(hub, tmp_path):
    revision = push(hub, a_folder(tmp_path / "a"), message="First.")
    assert [file.path for file in revision.files] == ["README.md", "emoji-sd/config.json", "emoji-sd/model.safetensors"]
    assert (revision.number, revision.message, revision.parent) == (1, "First.", "")
    artifact = hub.registry.get("mulan-yo")
    assert artifact.revision == revision.id
    assert artifact.weights_digest == weights_digest(revision.files)
    assert artifact.size_bytes == sum(file.size_bytes for file in revision.files)
    assert verify(hub.registry, hub.store) == []
    assert hub.registry.jobs() == []


def test_the_id_of_a_revision_is_the_digest_of_its_manifest_which_is_stored(hub, tmp_path):
    revision = push(hub, a_folder(tmp_path / "a"))
    assert Digest(revision.id) in hub.store


def test_the_same_content_again_is_the_same_revision(hub, tmp_path):
    first = push(hub, a_folder(tmp_path / "a"))
    assert push(hub, a_folder(tmp_path / "a"), message="Again.") == first
    assert len(hub.registry.revisions(NAME)) == 1


def test_other_content_is_the_next_revision(hub, tmp_path):
    first = push(hub, a_folder(tmp_path / "a"))
    second = push(hub, a_folder(tmp_path / "a", seed=1), parent=first.id)
    assert (second.number, second.parent) == (2, first.id)
    assert hub.registry.revision(NAME, "1") == first


def test_a_stale_parent_is_a_conflict_and_stores_nothing(hub, tmp_path):
    first = push(hub, a_folder(tmp_path / "a"))
    push(hub, a_folder(tmp_path / "a", seed=1))
    kept = set(hub.store.digests())
    for parent in (first.id, ""):
        with pytest.raises(Conflict, match="push again"):
            push(hub, a_folder(tmp_path / "a", seed=2), parent=parent)
    assert set(hub.store.digests()) == kept


def test_two_simultaneous_pushes_of_one_name_both_end_and_are_not_mixed(hub, tmp_path):
    folders = [a_folder(tmp_path / str(seed), seed=seed) for seed in range(4)]

    def attempt(folder):
        try:
            return push(hub, folder)
        except Conflict:
            return None

    with ThreadPoolExecutor(4) as threads:
        made = [revision for revision in threads.map(attempt, folders) if revision]
    assert made
    assert {each.id for each in hub.registry.revisions(NAME)} == {each.id for each in made}
    assert [problem for problem in verify(hub.registry, hub.store) if problem.is_fault] == []


def test_names_that_differ_only_in_case_are_refused(hub, tmp_path):
    push(hub, a_folder(tmp_path / "a"))
    with pytest.raises(InvalidName, match="`local/Mulan-Yo` differs from `local/mulan-yo`"):
        push(hub, a_folder(tmp_path / "b", seed=1), ArtifactName("local", "Mulan-Yo"))
    assert hub.registry.names() == ["local/mulan-yo"]


def damaged_weights(path, content):
    some_weights(path)
    path.write_bytes(content(path.read_bytes()))


@pytest.mark.parametrize(
    "content",
    [
        lambda whole: whole[:-1], lambda whole: whole + b"\0", lambda whole: whole[:9], lambda whole: b"",
        lambda whole: struct.pack("<Q", 2**60) + whole[8:], lambda whole: whole.replace(b"F16", b"f16"),
    ],
    ids=["cut", "extended", "header cut", "empty", "endless header", "unknown type"],
)  # fmt: skip
def test_truncated_weights_are_refused(hub, tmp_path, content):
    damaged_weights(a_folder(tmp_path / "a") / "emoji-sd" / "model.safetensors", content)
    with pytest.raises(InvalidSource, match=r"`emoji-sd/model.safetensors` is not a valid safetensors file") as raised:
        push(hub, tmp_path / "a")
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)
    assert nothing_was_kept(hub)


@pytest.fixture
def strict(hub):
    """Return the hub with the policy that accepts nothing but safetensors and plain files."""
    set_file_policy(hub.registry.database, "", "safetensors-only", Actor("root"))
    return hub


def test_pickles_and_archives_are_stored_and_marked_and_not_loaded(hub, tmp_path):
    folder = a_folder(tmp_path / "a")
    (folder / "training_args.bin").write_bytes(pickle.dumps({"a": [1]}, 2))
    (folder / "rows.jsonl.gz").write_bytes(b"\x1f\x8b\x08\0")
    revision = push(hub, folder)
    kinds = {path: scan.kind for path, scan in scans_in(hub.registry.database, revision.id).items()}
    assert kinds == {"rows.jsonl.gz": "archive", "training_args.bin": "pickle"}
    assert hub.registry.get(NAME).weights.keys() == {
        file.digest.hex for file in revision.files if file.path.endswith("model.safetensors")
    }


@pytest.mark.parametrize("suffix", ["bin", "pt", "pth", "ckpt", "pkl", "PT"])
def test_pickles_are_refused_by_name(strict, tmp_path, suffix):
    hub = strict
    (a_folder(tmp_path / "a") / f"model.{suffix}").write_bytes(b"anything")
    with pytest.raises(InvalidSource, match=rf"`model.{suffix}` is a pickle"):
        push(hub, tmp_path / "a")
    assert nothing_was_kept(hub)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_are_refused_by_content(strict, tmp_path, protocol):
    hub = strict
    (a_folder(tmp_path / "a") / "weights.dat").write_bytes(pickle.dumps({"a": [1]}, protocol))
    with pytest.raises(InvalidSource, match=r"`weights.dat` is a pickle"):
        push(hub, tmp_path / "a")


def test_archives_are_refused_by_their_content(strict, tmp_path):
    hub = strict
    with zipfile.ZipFile(a_folder(tmp_path / "a") / "weights.model", "w") as archive:
        archive.writestr("archive/data.pkl", b"x")
    with pytest.raises(InvalidSource, match=r"`weights.model` is an archive"):
        push(hub, tmp_path / "a")


def test_every_invalid_file_is_named_at_once(strict, tmp_path):
    hub = strict
    folder = a_folder(tmp_path / "a")
    (folder / "model.pt").write_bytes(b"")
    damaged_weights(folder / "emoji-sd" / "model.safetensors", lambda whole: whole[:-1])
    with pytest.raises(InvalidSource, match=r"emoji-sd/model.safetensors.*; `model.pt`"):
        push(hub, folder)


@pytest.mark.parametrize("name", ["a:b.txt", "a\nb", "back\\slash", "what?"])
def test_paths_that_some_file_systems_do_not_allow_are_refused(hub, tmp_path, name):
    (a_folder(tmp_path / "a") / name).write_text("")
    with pytest.raises(InvalidName) as raised:
        push(hub, tmp_path / "a")
    assert "\n" not in str(raised.value)
    assert nothing_was_kept(hub)


def test_paths_that_differ_only_in_case_are_refused(hub, tmp_path):
    folder = a_folder(tmp_path / "a")
    (folder / "readme.md").write_text("")
    with pytest.raises(InvalidName, match=r"`README.md` and `readme.md`"):
        push(hub, folder)


def test_links_to_folders_and_special_files_are_refused(hub, tmp_path):
    folder = a_folder(tmp_path / "a")
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(InvalidSource, match="a link to a folder"):
        push(hub, folder)
    (folder / "link").unlink()
    (folder / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidSource, match="`dangling` is neither a file nor a folder"):
        push(hub, folder)


def test_a_snapshot_can_be_pushed_under_another_name(hub, tmp_path):
    push(hub, a_folder(tmp_path / "a"))
    copy = push(hub, hub.snapshot("mulan-yo"), ArtifactName("local", "copy"))
    assert copy.files == hub.registry.revision("mulan-yo").files


def test_files_of_version_control_systems_are_ignored(hub, tmp_path):
    folder = a_folder(tmp_path / "a")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref")
    assert "git" not in " ".join(file.path for file in push(hub, folder).files)


def test_an_invalid_card_is_refused_before_anything_is_stored(hub, tmp_path):
    folder = a_folder(tmp_path / "a")
    (folder / "README.md").write_text("---\nlanguage: yo\n---\n")
    with pytest.raises(InvalidCard):
        push(hub, folder)
    assert nothing_was_kept(hub)


def test_a_path_that_is_not_a_folder_is_refused(hub, tmp_path):
    with pytest.raises(InvalidSource, match="is not a folder"):
        push(hub, tmp_path / "nowhere")


def test_a_disk_that_fills_up_leaves_no_row_and_the_push_can_be_repeated(hub, tmp_path):
    class Full(MemoryStore):
        room = 2

        def put_file(self, path, expected=None):
            if self.room == 0:
                raise Unreachable("cannot write: the disk is full. Nothing was stored.")
            self.room -= 1
            return super().put_file(path, expected)

    store = Full()
    folder = a_folder(tmp_path / "a")
    with pytest.raises(Unreachable):
        publish(folder, NAME, hub.registry, store)
    with pytest.raises(UnknownArtifact):
        hub.registry.get("mulan-yo")
    assert [problem.is_fault for problem in verify(hub.registry, store)] == [False]
    store.room = 9
    publish(folder, NAME, hub.registry, store)
    assert verify(hub.registry, store) == []


def test_verifying_names_lost_and_damaged_blobs(hub, tmp_path):
    revision = push(hub, a_folder(tmp_path / "a", a_card()))
    assert isinstance(hub.store, FolderStore)
    by_path = {file.path: file.digest for file in revision.files}
    hub.store.delete(by_path["README.md"])
    hub.store.path(by_path["emoji-sd/config.json"]).write_text("{}")
    hub.store.put(b"stray")
    texts = [(problem.is_fault, problem.text) for problem in verify(hub.registry, hub.store)]
    assert [is_fault for is_fault, _ in texts] == [True, True, False]
    faults = " ".join(text for is_fault, text in texts if is_fault)
    assert "missing from the store; referenced by local/mulan-yo@1:README.md" in faults
    assert "is damaged and not served; referenced by local/mulan-yo@1:emoji-sd/config.json" in faults
    with pytest.raises(HubError, match="hub verify"):
        hub.snapshot("mulan-yo")
