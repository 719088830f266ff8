"""Files uploaded by Xet are ranges of xorbs, and are sent from them."""

from __future__ import annotations

import hashlib
import os
import random

import pytest
from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import HfHubHTTPError

from hub.maintenance.backup import back_up, restore
from hub.maintenance.garbage import collect, unreferenced_blobs
from hub.maintenance.verify import verify
from hub.names import Digest
from hub.registry.database.open import open_database
from hub.store import FolderStore, MemoryStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
    pytest.mark.parametrize(
        "places", ["sqlite and a folder"], indirect=True, scope="session"
    ),  # Buckets keep whole blobs.
]
SIZE = 3_000_000


@pytest.fixture
def chance(request) -> random.Random:
    """Return other bytes for each test: all tests share a store, and clients skip what they have sent before."""
    return random.Random(request.node.nodeid)


@pytest.fixture
def first(chance) -> bytes:
    return chance.randbytes(SIZE)


@pytest.fixture
def uploaded(api, repo, hub, first, chance):
    """Upload a file, then one that shares most bytes with it and has bytes that are compressed. Return the second."""
    second = first[:2_000_000] + bytes(500_000) + chance.randbytes(300_000) + first[2_000_000:]
    api.upload_file(path_or_fileobj=first, path_in_repo="first.parquet", repo_id=repo)
    before = stored_bytes(hub)
    api.upload_file(path_or_fileobj=second, path_in_repo="second.parquet", repo_id=repo)
    assert stored_bytes(hub) - before < 1_500_000  # What is new, unpacked zeros included, and the chunks around it.
    assert len(hub.store.pieces(digest_of(second))) > 1
    return second


def digest_of(content: bytes) -> Digest:
    return Digest(hashlib.sha256(content).hexdigest())


def names(pieces) -> list[str]:
    return [piece.path.name for piece in pieces]


def stored_bytes(hub) -> int:
    return sum(file.stat().st_size for file in hub.store.root.rglob("*") if file.is_file())


def test_a_file_of_shared_bytes_is_downloaded_whole_and_by_ranges(client, token_of, repo, uploaded):
    address, headers = f"/{repo}/resolve/main/second.parquet", {"authorization": f"Bearer {token_of('ada')}"}
    whole = client.get(address, headers=headers)
    assert whole.content == uploaded
    assert int(client.head(address, headers=headers).headers["content-length"]) == len(uploaded)
    for start, end in ((0, 10), (1_999_990, 2_600_000), (len(uploaded) - 5, len(uploaded))):
        part = client.get(address, headers=headers | {"range": f"bytes={start}-{end - 1}"})
        assert part.status_code == 206
        assert part.content == uploaded[start:end]
    both = client.get(address, headers=headers | {"range": "bytes=0-4,2499998-2500003"})
    assert uploaded[:5] in both.content
    assert uploaded[2_499_998:2_500_004] in both.content


def test_two_files_that_differ_in_a_twentieth_take_little_more_than_one(api, repo, hub, chance):
    first, before = chance.randbytes(10_000_000), stored_bytes(hub)
    second = first[:4_000_000] + chance.randbytes(500_000) + first[4_500_000:]
    for path, content in {"a.parquet": first, "b.parquet": second}.items():
        api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo)
    assert len(first) < stored_bytes(hub) - before < 1.1 * len(first)


def make_old(hub) -> None:
    """Let all uploads and all files of the store be older than any grace period."""
    hub.registry.database.execute("UPDATE uploads SET at = '2000-01-01T00:00:00'", {})
    hub.registry.database.execute("UPDATE xorbs SET used_at = '2000-01-01T00:00:00'", {})
    for file in hub.store.root.glob("*/??/*"):
        os.utime(file, (0, 0))


def test_xorbs_are_kept_while_a_file_needs_them(hub, uploaded):
    needed = hub.store.needed_blobs()
    make_old(hub)
    found = unreferenced_blobs(hub.registry, hub.store, 1)
    assert needed.isdisjoint(blob.digest for blob in found)
    collect(hub.registry, hub.store, found, 1)
    assert hub.store.verify(digest_of(uploaded)) == len(uploaded)
    mine = {*needed, digest_of(uploaded)}  # Other tests leave damaged blobs.
    assert not [each.text for each in verify(hub.registry, hub.store) if each.is_fault and each.digest in mine]


def test_xorbs_are_erased_after_the_files_that_needed_them(api, repo, hub, uploaded):
    whole = digest_of(uploaded)
    needed = set(names(hub.store.pieces(whole)))
    api.delete_repo(repo)
    make_old(hub)
    found = unreferenced_blobs(hub.registry, hub.store, 1)
    assert [blob.size_bytes < 10_000 for blob in found if blob.digest == whole] == [True]  # Its list of parts.
    collect(hub.registry, hub.store, found, 1)
    assert whole not in hub.store
    collect(hub.registry, hub.store, unreferenced_blobs(hub.registry, hub.store, 1), 1)
    assert needed.isdisjoint(digest.hex for digest in hub.store.digests())


@pytest.mark.parametrize("loss", ["damaged", "missing"])
def test_a_file_with_a_lost_xorb_is_reported_as_damaged_and_healed_by_its_client(
    api, client, token_of, repo, hub, first, uploaded, tmp_path, loss
):
    whole = digest_of(uploaded)
    for path in {piece.path for piece in hub.store.pieces(whole)}:
        if loss == "missing":
            path.unlink()
        else:
            content = path.read_bytes()
            path.write_bytes(content[:999] + bytes([content[999] ^ 1]) + content[1000:])
    [problem, *_] = [each.text for each in verify(hub.registry, hub.store) if each.digest == whole]
    assert "is damaged and not served; referenced by" in problem
    address, headers = f"/{repo}/resolve/main/second.parquet", {"authorization": f"Bearer {token_of('ada')}"}
    assert client.get(address, headers=headers).status_code == 410
    assert any(whole.hex in fault for fault in back_up(hub.registry, hub.store, tmp_path / "backup").faults)
    added = [CommitOperationAdd("first.parquet", first), CommitOperationAdd("second.parquet", uploaded)]
    if loss == "missing":  # The shard reports it. Then the client sends all xorbs.
        with pytest.raises((RuntimeError, HfHubHTTPError, OSError)):
            api.create_commit(repo, added, commit_message="again")
    api.create_commit(repo, added, commit_message="again")
    assert client.get(address, headers=headers).content == uploaded
    assert not [each.text for each in verify(hub.registry, hub.store) if each.is_fault and each.digest == whole]


def test_a_backup_keeps_shared_bytes_once_and_is_restored(hub, uploaded, tmp_path):
    faults = back_up(hub.registry, hub.store, tmp_path / "backup").faults
    assert not [fault for fault in faults if digest_of(uploaded).hex in fault]
    copy = FolderStore(tmp_path / "backup" / "store")
    assert names(copy.pieces(digest_of(uploaded))) == names(hub.store.pieces(digest_of(uploaded)))
    restored = FolderStore(tmp_path / "restored")
    restore(tmp_path / "backup", open_database(tmp_path / "restored.db"), restored)
    assert names(restored.pieces(digest_of(uploaded))) == names(hub.store.pieces(digest_of(uploaded)))
    assert restored.verify(digest_of(uploaded)) == len(uploaded)


def test_a_backup_is_restored_to_a_store_that_keeps_files_whole(hub, uploaded, tmp_path):
    back_up(hub.registry, hub.store, tmp_path / "backup")
    restored = MemoryStore()
    restore(tmp_path / "backup", open_database(tmp_path / "restored.db"), restored)
    assert restored.verify(digest_of(uploaded)) == len(uploaded)
    assert set(FolderStore(tmp_path / "backup" / "store").xorbs()).isdisjoint(restored.digests())
