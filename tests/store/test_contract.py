"""What every BlobStore does."""

import hashlib
import io
from pathlib import Path

import pytest

from hub.errors import Damaged, UnknownFile, Unreachable
from hub.names import ArtifactName, Digest
from hub.store import BlobStore, FolderStore, MemoryStore

CONTENT = b"weights" * 1000
DIGEST = Digest(hashlib.sha256(CONTENT).hexdigest())
ABSENT = Digest("0" * 64)
NAME = ArtifactName("local", "mulan-yo.v1")


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return MemoryStore() if request.param == "memory" else FolderStore(tmp_path / "store")


def test_a_store_is_a_blob_store(store):
    assert isinstance(store, BlobStore)


def test_a_store_returns_the_bytes_it_was_given(store):
    assert store.put(CONTENT) == (DIGEST, len(CONTENT))
    with store.open(DIGEST) as opened:
        assert opened.read() == CONTENT
    assert DIGEST in store
    assert store.size(DIGEST) == len(CONTENT)


def test_bytes_may_come_as_a_stream_or_a_file(store, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    assert store.put(io.BytesIO(CONTENT)) == store.put_file(tmp_path / "file") == (DIGEST, len(CONTENT))
    assert list(store.digests()) == [DIGEST]


def test_the_same_file_twice_is_one_blob(store, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    assert store.put_file(tmp_path / "file") == store.put_file(tmp_path / "file") == (DIGEST, len(CONTENT))
    assert list(store.digests()) == [DIGEST]


def test_an_empty_file_is_a_blob(store):
    digest, size = store.put(b"")
    assert size == store.size(digest) == 0


def test_bytes_other_than_expected_are_refused_and_not_kept(store, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    for put in (lambda: store.put(CONTENT, ABSENT), lambda: store.put_file(tmp_path / "file", ABSENT)):
        with pytest.raises(Damaged, match="send them again"):
            put()
    assert list(store.digests()) == []
    assert store.unfinished() == []


def test_what_is_not_there_is_unknown(store):
    assert ABSENT not in store
    assert store.path(ABSENT) is None
    for ask in (store.open, store.size):
        with pytest.raises(UnknownFile, match="`hub verify`"):
            ask(ABSENT)


def test_a_path_when_there_is_one_holds_exactly_the_bytes(store):
    store.put(CONTENT)
    path = store.path(DIGEST)
    assert path is None or path.read_bytes() == CONTENT


def test_deleting_forgets_and_may_be_repeated(store):
    store.put(CONTENT)
    store.delete(DIGEST)
    store.delete(DIGEST)
    assert DIGEST not in store


def test_a_reference_is_the_last_one_written(store):
    store.write_reference(NAME, b"old")
    store.write_reference(NAME, b"new")
    assert list(store.references()) == [("local/mulan-yo.v1", b"new")]
    store.delete_reference(NAME)
    store.delete_reference(NAME)
    assert list(store.references()) == []


def test_a_file_that_cannot_be_read_is_named(store, tmp_path):
    with pytest.raises((Unreachable, OSError), match="absent"):
        store.put_file(tmp_path / "absent")


def test_nothing_is_left_to_sweep_after_writing(store):
    store.put(CONTENT)
    assert store.unfinished() == store.sweep() == []
