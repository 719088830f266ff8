"""Files uploaded by Xet are ranges of xorbs, and are sent from them."""

from __future__ import annotations

import hashlib
import os
import random

import pytest

from hub.maintenance.backup import back_up, restore
from hub.maintenance.garbage import collect, unreferenced_blobs
from hub.maintenance.verify import verify
from hub.names import Digest
from hub.registry.database.open import open_database
from hub.store import FolderStore

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
SIZE = 3_000_000


@pytest.fixture
def uploaded(api, repo, hub):
    """Upload a file, then one that shares most bytes with it and has bytes that are compressed. Return the second."""
    if not isinstance(hub.store, FolderStore):
        pytest.skip("a bucket keeps whole blobs")
    first = random.Random(5).randbytes(SIZE)
    second = first[:2_000_000] + bytes(500_000) + random.Random(6).randbytes(300_000) + first[2_000_000:]
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


def test_xorbs_are_kept_while_a_file_needs_them(hub, uploaded):
    needed = hub.store.needed_blobs()
    hub.registry.database.execute("UPDATE uploads SET at = '2000-01-01T00:00:00'", {})
    hub.registry.database.execute("UPDATE xorbs SET used_at = '2000-01-01T00:00:00'", {})
    for file in hub.store.root.glob("*/??/*"):
        os.utime(file, (0, 0))
    found = unreferenced_blobs(hub.registry, hub.store, 1)
    assert needed.isdisjoint(blob.digest for blob in found)
    collect(hub.registry, hub.store, found, 1)
    assert hub.store.verify(digest_of(uploaded)) == len(uploaded)
    assert not [problem.text for problem in verify(hub.registry, hub.store) if problem.is_fault]


def test_a_backup_keeps_shared_bytes_once_and_is_restored(hub, uploaded, tmp_path):
    assert back_up(hub.registry, hub.store, tmp_path / "backup").faults == ()
    copy = FolderStore(tmp_path / "backup" / "store")
    assert names(copy.pieces(digest_of(uploaded))) == names(hub.store.pieces(digest_of(uploaded)))
    restored = FolderStore(tmp_path / "restored")
    restore(tmp_path / "backup", open_database(tmp_path / "restored.db"), restored)
    assert names(restored.pieces(digest_of(uploaded))) == names(hub.store.pieces(digest_of(uploaded)))
    assert restored.verify(digest_of(uploaded)) == len(uploaded)
