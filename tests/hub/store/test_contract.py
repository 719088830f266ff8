"""The contract of every BlobStore."""

import hashlib
import io
import urllib.error
import urllib.request
from pathlib import Path

import obstore
import pytest

from hub.errors import DamagedBlob, DamagedFile, UnknownFile, Unreachable
from hub.names import ArtifactName, Digest
from hub.store import BlobStore, FolderStore, MemoryStore, open_store
from hub.store.composed import Part
from tests.builders.damage import damage

CONTENT = b"weights" * 1000
DIGEST = Digest(hashlib.sha256(CONTENT).hexdigest())
ABSENT = Digest("0" * 64)
NAME = ArtifactName("local", "mulan-yo.v1")


@pytest.fixture(params=["memory", "folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "bucket":
        return open_store(request.getfixturevalue("bucket"))
    return MemoryStore() if request.param == "memory" else FolderStore(tmp_path / "store")


def test_a_store_is_a_blob_store(store):
    assert isinstance(store, BlobStore)


def test_a_store_returns_the_bytes_it_was_given(store):
    assert store.put(CONTENT) == (DIGEST, len(CONTENT))
    with store.open(DIGEST) as opened:
        assert opened.read() == CONTENT
    assert DIGEST in store
    assert store.size(DIGEST) == len(CONTENT)


def test_bytes_can_be_put_as_a_stream_or_a_file(store, tmp_path):
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


def test_unexpected_bytes_are_refused_and_not_stored(store, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT)
    for put in (lambda: store.put(CONTENT, ABSENT), lambda: store.put_file(tmp_path / "file", ABSENT)):
        with pytest.raises(DamagedFile, match="send them again"):
            put()
    assert list(store.digests()) == []
    assert store.unfinished() == []


def test_a_missing_blob_is_unknown(store):
    assert ABSENT not in store
    assert store.path(ABSENT) is None
    for ask in (store.open, store.size):
        with pytest.raises(UnknownFile, match="`hub verify`"):
            ask(ABSENT)


def test_a_path_if_any_has_exactly_the_bytes(store):
    store.put(CONTENT)
    path = store.path(DIGEST)
    assert path is None or path.read_bytes() == CONTENT


def test_deleting_is_idempotent(store):
    store.put(CONTENT)
    store.delete(DIGEST)
    store.delete(DIGEST)
    assert DIGEST not in store


def test_a_reference_is_the_last_one_written(store):
    store.write_reference(NAME, b"old")
    store.write_reference(NAME, b"new")
    assert list(store.references()) == [("local/mulan-yo.v1", b"new")]
    data = ArtifactName(NAME.owner, NAME.name, is_dataset=True)
    store.write_reference(data, b"data")
    assert dict(store.references()) == {"local/mulan-yo.v1": b"new", "datasets/local/mulan-yo.v1": b"data"}
    store.delete_reference(data)
    store.delete_reference(NAME)
    store.delete_reference(NAME)
    assert list(store.references()) == []


def test_a_file_that_cannot_be_read_is_named(store, tmp_path):
    with pytest.raises((Unreachable, OSError), match="absent"):
        store.put_file(tmp_path / "absent")


def test_nothing_is_left_to_sweep_after_writing(store):
    store.put(CONTENT)
    assert store.unfinished() == store.sweep() == []


def test_a_file_larger_than_a_part_is_complete_and_can_be_read_from_any_position(store, tmp_path, monkeypatch):
    monkeypatch.setattr("hub.store.bucket.PART_BYTES", 5 << 20)  # The least that S3 allows.
    content = bytes(range(256)) * (22 << 12)  # 22 MiB: five parts of a bucket's, one more than are sent at a time
    (tmp_path / "large").write_bytes(content)
    digest, size = store.put_file(tmp_path / "large")
    assert digest.hex == hashlib.sha256(content).hexdigest()
    assert size == store.size(digest) == len(content)
    with store.open(digest) as opened:
        assert hashlib.file_digest(opened, "sha256").hexdigest() == digest.hex
        opened.seek(17 << 20)
        assert opened.read(1000) == content[17 << 20 :][:1000]


def test_a_small_blob_of_a_known_size_is_read_from_a_bucket_with_one_request(bucket, monkeypatch):
    store = open_store(bucket)
    store.put(CONTENT)
    for other in ("head", "open_reader"):
        monkeypatch.setattr(obstore, other, None)
    with store.open(DIGEST, len(CONTENT)) as opened:
        assert opened.read() == CONTENT


def test_a_url_if_any_gives_the_bytes_to_anyone_for_a_while(store):
    store.put(CONTENT)
    url = store.url(DIGEST, seconds=60)
    if url is None:
        assert not hasattr(store, "address")
        return
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == CONTENT
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url.partition("?")[0])


def test_a_blob_has_an_age_and_putting_it_again_does_not_make_it_older(store, tmp_path):
    store.put(CONTENT)
    assert 0 <= store.age_s(DIGEST) < 60
    (tmp_path / "file").write_bytes(CONTENT)
    for put in (lambda: store.put(CONTENT), lambda: store.put_file(tmp_path / "file")):
        put()
        assert 0 <= store.age_s(DIGEST) < 60
    with pytest.raises(UnknownFile):
        store.age_s(ABSENT)


def test_refreshing_a_blob_resets_its_age(store):
    assert not store.refresh(DIGEST)
    store.put(CONTENT)
    assert store.refresh(DIGEST)
    assert store.age_s(DIGEST) < 60


def test_many_references_are_listed_in_order(store):
    names = [f"local/m{number:03}" for number in range(30)]
    for name in reversed(names):
        store.write_reference(ArtifactName.parse(name, ""), name.encode())
    assert list(store.references()) == [(name, name.encode()) for name in names]


def test_only_blobs_that_were_not_put_for_a_while_are_deleted_as_unused(store):
    store.put(CONTENT)
    assert not store.delete_unused(DIGEST, seconds=3600)
    assert DIGEST in store
    assert store.delete_unused(DIGEST, seconds=-5)  # A server's clock may be a little ahead.
    assert DIGEST not in store
    assert not store.delete_unused(DIGEST, seconds=-5)
    assert store.unfinished() == []


LARGE = bytes(range(256)) * (6 << 10)
"""1.5 MiB: more than is hashed whenever it is read."""


def reopened(store):
    """Return the store as another process opens it."""
    if isinstance(store, MemoryStore):
        return store
    return FolderStore(store.root) if isinstance(store, FolderStore) else open_store(store.address)


def test_a_small_damaged_blob_is_found_when_it_is_read_and_never_served(store):
    store.put(CONTENT)
    damage(store, DIGEST)
    for read in (store.open, store.path, store.open):
        if read == store.path and not isinstance(store, FolderStore):
            continue
        with pytest.raises(DamagedBlob, match=f"the stored bytes of blob {DIGEST} are damaged and not served"):
            read(DIGEST, len(CONTENT))
    for each in (store, reopened(store)):
        assert list(each.digests()) == []
        assert list(each.quarantined()) == [DIGEST]
        assert not each.holds(DIGEST)
        assert DIGEST not in each
        assert not each.refresh(DIGEST, len(CONTENT))
        with pytest.raises(DamagedBlob):
            each.open(DIGEST)


def test_a_blob_of_another_size_is_found_when_it_is_opened(store):
    digest, size = store.put(LARGE)
    damage(store, digest, lambda content: content[:-1])
    with pytest.raises(DamagedBlob):
        store.url(digest, size) or store.open(digest, size)
    assert list(store.quarantined()) == [digest]


def test_a_wrong_expected_size_sets_no_right_blob_aside(store):
    digest, size = store.put(LARGE)
    assert not store.holds(digest, size - 1)
    with pytest.raises(DamagedFile, match=f"has {size} bytes, not {size - 1}"):
        store.open(digest, size - 1)
    assert store.holds(digest, size)
    assert list(store.quarantined()) == []


def test_a_large_damaged_blob_is_found_by_verifying_it(store):
    digest, size = store.put(LARGE)
    read = []
    assert store.verify(digest, size, read.append) == size
    assert sum(read) == size
    store.confirm(digest, size)
    damage(store, digest)
    with pytest.raises(DamagedBlob):
        store.confirm(digest, size)
    assert list(reopened(store).quarantined()) == [digest]


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("is_found", [True, False], ids=["found", "not found"])
def test_putting_the_right_bytes_again_heals_a_blob(store, tmp_path, content, is_found):
    (tmp_path / "file").write_bytes(content)
    for put in (store.put, lambda content: store.put(io.BytesIO(content)), lambda _: store.put_file(tmp_path / "file")):
        digest, size = store.put(content)
        damage(store, digest)
        if is_found:
            with pytest.raises(DamagedBlob):
                store.verify(digest)
        put(content)
        with store.open(digest, size) as opened:
            assert opened.read() == content
        assert list(store.quarantined()) == []


def test_a_blob_that_was_set_aside_is_restored_if_it_is_intact_after_all_and_deleted_when_it_is_replaced(store):
    digest, _ = store.put(LARGE)
    damage(store, digest)
    with pytest.raises(DamagedBlob):
        store.verify(digest)
    assert store.reexamine() == []
    assert list(store.quarantined()) == [digest]
    store.put(LARGE)
    assert store.reexamine() == []
    assert list(store._set_aside()) == []
    store._move_aside(digest, store._find(digest).stamp)
    assert not store.holds(digest)
    assert store.reexamine() == [digest]
    assert store.holds(digest)
    assert list(store._set_aside()) == []


def test_a_blob_that_was_put_again_while_it_was_read_is_not_set_aside(store):
    digest, _ = store.put(CONTENT)
    damage(store, digest)
    found = store._find(digest)
    store.delete(digest)
    store.put(CONTENT)
    if not isinstance(store, MemoryStore):
        store._move_aside(digest, found.stamp)
    assert store.holds(digest)
    assert list(store._set_aside()) == []


def test_deleting_a_damaged_blob_deletes_its_bytes(store):
    store.put(CONTENT)
    damage(store, DIGEST)
    assert not store.holds(DIGEST)
    store.delete(DIGEST)
    assert list(store.quarantined()) == []
    with pytest.raises(UnknownFile):
        store.open(DIGEST)


LARGE = bytes(range(251)) * 20_000
"""5 MB, more than what is stored whole."""


def compose(store, *, unpack=None):
    """Put two blobs, and compose the bytes of LARGE twice of them. Return the digest and the parts."""
    first, _ = store.put(b"before" + LARGE)
    second, _ = store.put(LARGE[::-1])
    parts = [Part(first, 6, len(LARGE), len(LARGE)), Part(second, 0, len(LARGE), len(LARGE), unpack)]
    content = LARGE + (LARGE[::-1] if unpack is None else LARGE)
    digest = Digest(hashlib.sha256(content).hexdigest())
    assert store.compose(parts, digest) == digest
    return digest, content


def reverse(opened):
    yield opened.read()[::-1]


@pytest.mark.parametrize("unpack", [None, reverse])
def test_a_composed_blob_is_read_as_any_other(store, unpack):
    digest, content = compose(store, unpack=unpack)
    assert store.holds(digest, len(content))
    assert store.size(digest) == store.verify(digest) == len(content)
    assert list(store.digests()).count(digest) == 1
    path = store.path(digest)
    assert path is None or path.read_bytes() == content
    pieces = store.pieces(digest, len(content))
    assert pieces is None or sum(piece.size for piece in pieces) == len(content)
    with store.open(digest, len(content)) as opened:
        assert opened.read() == content
        for start in (len(LARGE) - 10, 3, 2 * len(LARGE) - 5):
            opened.seek(start)
            assert opened.read(20) == content[start:][:20]


def test_parts_that_do_not_have_the_digest_are_refused(store):
    first, size = store.put(LARGE)
    with pytest.raises(DamagedFile, match="send them again"):
        store.compose([Part(first, 0, size, size)], ABSENT)
    assert ABSENT not in store


def test_a_part_beyond_the_end_of_its_blob_is_refused(store):
    first, size = store.put(LARGE)
    with pytest.raises(DamagedFile):
        store.compose([Part(first, 1, size, size)], DIGEST)
    assert DIGEST not in store


def test_a_part_of_a_missing_blob_is_refused(store):
    with pytest.raises(UnknownFile):
        store.compose([Part(ABSENT, 0, 2 << 20, 2 << 20)], DIGEST)


def test_a_composed_blob_can_be_a_part(store):
    whole, content = compose(store)
    longer = Digest(hashlib.sha256(content[10:] * 2).hexdigest())
    size = len(content) - 10
    store.compose([Part(whole, 10, size, size)] * 2, longer)
    with store.open(longer) as opened:
        assert opened.read() == content[10:] * 2


def test_a_composed_blob_that_is_put_consists_of_nothing_else(store):
    digest, content = compose(store)
    store.delete(digest)
    assert digest not in store
    compose(store)
    again = open_store(store.root) if isinstance(store, FolderStore) else store  # Has verified nothing.
    assert again.put(content) == (digest, len(content))
    assert store.needed_blobs() == set()


def test_deleting_an_unused_composed_blob_leaves_its_parts(store):
    digest, _ = compose(store)
    parts = set(store.digests()) - {digest}
    assert not store.delete_unused(digest, 3600)
    assert store.delete_unused(digest, -1)
    assert digest not in store
    assert set(store.digests()) == parts
    assert store.needed_blobs() == set()
