"""Failures of a folder store."""

import errno
import hashlib
import os
import time
from pathlib import Path

import pytest

import hub.store.folder
from hub.errors import DamagedBlob, Unreachable
from hub.names import ArtifactName, Digest
from hub.store import FolderStore
from hub.store.composed import Part
from tests.builders.damage import damage


def test_a_full_disk_is_a_one_line_error_and_leaves_nothing_behind(tmp_path, monkeypatch):
    store = FolderStore(tmp_path / "store")

    def write(file, content):
        file.write(content[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(hub.store.folder, "write", write)
    with pytest.raises(Unreachable, match=r"cannot write into .*: the disk is full. Nothing was stored.") as raised:
        store.put(b"weights")
    assert "\n" not in str(raised.value)
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "store").write_text("a file where the folder should be")
    with pytest.raises(Unreachable, match="cannot write into"):
        FolderStore(tmp_path / "store").put(b"weights")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(Unreachable, match="Permission denied"):
        FolderStore(tmp_path / "store").put(b"weights")


def test_an_interrupted_reader_leaves_nothing_behind(tmp_path):
    class Broken:
        def read(self, size: int) -> bytes:
            raise ConnectionResetError("the line was cut")

    store = FolderStore(tmp_path / "store")
    with pytest.raises(Unreachable):
        store.put(Broken())
    assert store.unfinished() == []
    assert list(store.digests()) == []


def test_sweeping_removes_old_unfinished_writes_and_no_others(tmp_path):
    store = FolderStore(tmp_path / "store")
    digest, _ = store.put(b"weights")
    old, new = (tmp_path / "store" / "incoming" / name for name in ("old", "new"))
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * hub.store.folder.ABANDONED_S,) * 2)
    assert store.unfinished() == ["new", "old"]
    assert store.sweep() == ["old"]
    assert store.unfinished() == ["new"]
    assert digest in store


def test_blobs_can_be_read_by_a_server_of_another_user(tmp_path):
    store = FolderStore(tmp_path / "store")
    digest, _ = store.put(b"weights")
    path = store.path(digest)
    assert isinstance(path, Path)
    assert path.stat().st_mode & 0o444 == 0o444
    assert path.parent.name == digest.hex[:2]


def test_only_the_user_of_the_store_can_list_its_references(tmp_path):
    store = FolderStore(tmp_path / "store")
    store.write_reference(ArtifactName("ada", "hidden"), b"{}")
    assert (tmp_path / "store" / "refs").stat().st_mode & 0o777 == 0o700


def composed(store):
    """Compose a blob of two large ones. Return the digests of the whole and of both parts."""
    first, second = bytes(range(256)) * 8192, bytes(reversed(range(256))) * 8192
    parts = [Part(store.put(each)[0], 0, len(each), len(each)) for each in (first, second)]
    whole = Digest(hashlib.sha256(first + second).hexdigest())
    store.compose(parts, whole)
    return whole, *(part.digest for part in parts)


def test_a_composed_blob_takes_no_more_space_than_its_parts(tmp_path):
    store = FolderStore(tmp_path)
    whole, *parts = composed(store)
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) < 4 * 2**20 + 1000
    assert store.path(whole) is None
    assert [piece.path.name for piece in store.pieces(whole)] == [part.hex for part in parts]
    assert store.needed_blobs() == set(parts)


def test_a_blob_with_a_damaged_part_is_damaged_until_the_part_is_put_again(tmp_path):
    store = FolderStore(tmp_path)
    whole, part, _ = composed(store)
    content = store.path(part).read_bytes()
    damage(store, part)
    with pytest.raises(DamagedBlob):
        store.verify(whole)
    assert list(store.quarantined()) == [part, whole]
    assert not store.holds(whole)
    with pytest.raises(DamagedBlob):
        store.open(whole)
    store.put(content)
    assert store.verify(whole) == 2 * len(content)


def test_a_damaged_recipe_is_set_aside_and_its_parts_stay(tmp_path):
    store = FolderStore(tmp_path)
    whole, first, second = composed(store)
    recipe = tmp_path / "composed" / whole.hex[:2] / whole.hex
    lines = recipe.read_text().splitlines()
    recipe.write_text("\n".join(reversed(lines)))
    with pytest.raises(DamagedBlob):
        store.verify(whole)
    assert list(store.quarantined()) == [whole]
    assert first in store
    assert second in store
    store.compose([Part(first, 0, 2**21, 2**21), Part(second, 0, 2**21, 2**21)], whole)
    assert store.verify(whole) == 2**22
