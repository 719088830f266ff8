"""Xorbs of a folder store, which are named after the hashes of their chunks, and files that are composed of them."""

import hashlib
import os
import random
import threading

import pytest

from hub.errors import DamagedBlob, DamagedFile, UnknownFile
from hub.names import Digest
from hub.store import FolderStore, MemoryStore
from hub.store.composed import Part
from hub.xet.hashes import chunk_hash
from hub.xet.xorb import Chunk, write_table

CONTENT = random.Random(1).randbytes(3_000_000)


def chunks_of(content: bytes, size: int = 65_536):
    for start in range(0, len(content), size):
        chunk = content[start : start + size]
        yield Chunk(chunk_hash(chunk), start, len(chunk), len(chunk), 0), chunk


@pytest.fixture
def store(tmp_path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def xorb(store) -> Digest:
    return store.put_xorb(chunks_of(CONTENT))[0]


@pytest.fixture
def whole(store, xorb) -> Digest:
    """Compose all bytes of the xorb, and then its first half."""
    size = len(CONTENT)
    return store.compose([Part(xorb, 0, size, size), Part(xorb, 0, size // 2, size // 2)], None)


def file_of(store: FolderStore, xorb: Digest):
    return store.root / "xorbs" / xorb.hex[:2] / xorb.hex


def change(path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])


def test_a_xorb_is_verified_by_the_hashes_of_its_chunks(store, xorb):
    again = FolderStore(store.root)
    assert xorb in again
    assert again.verify(xorb) == again.size(xorb) > len(CONTENT)
    with again.open(xorb) as opened:
        assert opened.read(len(CONTENT)) == CONTENT
    assert list(again.digests()) == list(again.xorbs()) == [xorb]


def test_a_file_with_the_bytes_of_a_xorb_or_of_its_table_is_another_blob(store, xorb):
    _, chunks = store.put_xorb(chunks_of(CONTENT))
    for content in (CONTENT, file_of(store, xorb).read_bytes(), write_table(chunks)):
        assert store.put(content)[0] != xorb
    assert len(list(store.digests())) == 4


@pytest.mark.parametrize("content", [CONTENT, CONTENT[:5_000], b"x"])
def test_xorbs_of_any_size_are_stored_once(store, content):
    first, second = (store.put_xorb(chunks_of(content))[0] for _ in range(2))
    assert first == second
    assert list(store.digests()) == [first]
    assert FolderStore(store.root).holds(first)
    assert store.unfinished() == []


@pytest.mark.parametrize(
    "damage", [change, lambda path: path.write_bytes(path.read_bytes()[:-9]), lambda path: path.write_bytes(b"XORB")]
)
def test_a_damaged_xorb_is_set_aside_and_healed_when_it_is_sent_again(store, xorb, whole, damage):
    damage(file_of(store, xorb))
    with pytest.raises(DamagedBlob):
        store.verify(xorb)
    assert list(store.quarantined()) == [xorb, whole]
    with pytest.raises(DamagedBlob):
        store.open(whole)
    assert store.put_xorb(chunks_of(CONTENT))[0] == xorb
    assert store.verify(whole) == len(CONTENT) * 3 // 2
    assert store.reexamine() == []
    assert not (store.root / "quarantine" / xorb.hex).exists()


def test_reading_a_composed_file_finds_a_truncated_xorb(store, xorb, whole):
    path = file_of(store, xorb)
    path.write_bytes(path.read_bytes()[:-1])
    for _ in range(2):
        with pytest.raises(DamagedBlob):
            store.pieces(whole)
        assert list(store.quarantined()) == [xorb, whole]
    assert store.put_xorb(chunks_of(CONTENT))[0] == xorb
    assert list(store.quarantined()) == []


def test_verifying_a_composed_file_finds_damage_of_its_xorb(store, xorb, whole):
    change(file_of(store, xorb))
    with pytest.raises(DamagedBlob):
        store.verify(whole)
    assert list(store.quarantined()) == [xorb, whole]


def test_a_composed_file_whose_xorb_is_missing_is_damaged_until_it_is_put_whole(store, xorb, whole):
    store.delete(xorb)
    for ask in (store.open, store.verify, store.pieces, store.size):
        with pytest.raises(DamagedBlob):
            ask(whole)
    assert not store.holds(whole)
    content = CONTENT + CONTENT[: len(CONTENT) // 2]
    assert store.put(content, whole) == (whole, len(content))
    assert store.verify(whole) == len(content)
    assert store.needed_blobs() == set()


def test_bytes_that_were_set_aside_by_mistake_are_restored(store, xorb, whole):
    store._move_aside(xorb, store._find(xorb).stamp)
    assert list(store.quarantined()) == [xorb, whole]
    assert store.reexamine() == [xorb]
    assert store.verify(whole) == len(CONTENT) * 3 // 2


def test_a_composed_file_stays_verified_when_others_are_composed_of_the_same_xorb(store, xorb, whole, monkeypatch):
    store.compose([Part(xorb, 100, 2_000_000, 2_000_000)], None)
    monkeypatch.setattr(store, "_verify", None)
    store.confirm(whole)  # A commit reads no bytes that were compared when the shard arrived.


def test_composing_resets_the_age_of_an_old_xorb(store, xorb):
    os.utime(file_of(store, xorb), (0, 0))
    store.compose([Part(xorb, 0, 2_000_000, 2_000_000)], None)
    assert store.age_s(xorb) < 60
    assert not store.delete_unused(xorb, 3600)


@pytest.mark.parametrize("by_link", [True, False])
def test_a_folder_is_copied_with_its_xorbs(store, xorb, whole, tmp_path, by_link):
    copy = FolderStore(tmp_path / "copy")
    for digest in store.digests():
        copy.copy_from(store, digest, by_link=by_link)
    assert list(copy.digests()) == [xorb, whole]
    assert copy.verify(whole) == store.size(whole)
    assert sum(file.stat().st_size for file in copy.root.rglob("*") if file.is_file()) < len(CONTENT) + 5000


def test_a_composed_file_is_copied_whole_where_its_xorbs_are_not(store, whole, tmp_path):
    copy = FolderStore(tmp_path / "copy")
    copy.copy_from(store, whole, by_link=True)
    assert list(copy.digests()) == [whole]
    assert copy.needed_blobs() == set()
    assert copy.verify(whole) == store.size(whole)


def test_other_stores_keep_xorbs_and_files_whole():
    store = MemoryStore()
    xorb, _ = store.put_xorb(chunks_of(CONTENT))
    assert xorb.hex == hashlib.sha256(CONTENT).hexdigest()
    assert store.compose([Part(xorb, 0, len(CONTENT), len(CONTENT))], xorb) == xorb
    whole = store.compose([Part(xorb, 5, 1_500_000, 1_500_000)], None)
    assert whole.hex == hashlib.sha256(CONTENT[5:1_500_005]).hexdigest()
    assert store.needed_blobs() == set()


def test_xorbs_are_not_lost_between_composing_and_collecting(store, xorb):
    """Whatever the order, either the file is composed and readable, or composing says that the xorb is missing."""
    for start in range(40):
        xorb, _ = store.put_xorb(chunks_of(CONTENT[:1_200_000]))
        os.utime(file_of(store, xorb), (0, 0))
        size = 1_100_000
        deleting = threading.Timer(start / 20_000, lambda xorb=xorb: store.delete_unused(xorb, 3600))
        deleting.start()
        try:
            whole = store.compose([Part(xorb, start, size, size)], None)
        except (UnknownFile, DamagedFile):
            deleting.join(30)
            continue
        deleting.join(30)
        assert store.verify(whole) == size
        store.delete(whole)


def test_a_list_is_written_for_at_most_some_thousand_parts(store, xorb, monkeypatch):
    monkeypatch.setattr("hub.store.folder.MAX_PARTS", 10)
    parts = [Part(xorb, start, 150_000, 150_000) for start in range(11)]
    digest = store.compose(parts, None)
    assert store.needed_blobs() == set()
    assert store.size(digest) == 11 * 150_000
