"""The background comparison of all blobs with their digests."""

import logging
import threading
import time

import pytest

from hub.errors import DamagedBlob
from hub.maintenance.pace import Pace, Stopped
from hub.maintenance.scrub import LEASE_S, PASS_S, claim, last_pass, scrub
from hub.store import FolderStore, MemoryStore, open_store
from tests.builders.damage import damage

FAST = 10_000.0
"""Megabytes per second."""
LARGE = bytes(range(256)) * (6 << 10)


@pytest.fixture(params=["memory", "folder", "bucket"])
def store(request, tmp_path):
    if request.param == "bucket":
        return open_store(request.getfixturevalue("bucket"))
    return MemoryStore() if request.param == "memory" else FolderStore(tmp_path / "store")


def test_a_pass_finds_damage_of_any_size_and_sets_it_aside(registry, store, caplog):
    caplog.set_level(logging.ERROR, "server.scrub")
    small, large, right = (store.put(content)[0] for content in (b"small", LARGE, b"right"))
    damage(store, small)
    damage(store, large)
    assert scrub(registry.database, store, FAST, threading.Event())
    assert set(store.quarantined()) == {small, large}
    assert store.holds(right)
    assert {small.hex, large.hex} <= set(" ".join(caplog.messages).split())
    assert last_pass(registry.database).damaged == 2


def test_bytes_that_were_right_after_all_are_served_again(registry, store):
    digest, _ = store.put(LARGE)
    store._move_aside(digest, store._find(digest).stamp)
    with pytest.raises(DamagedBlob):
        store.open(digest)
    scrub(registry.database, store, FAST, threading.Event())
    assert store.holds(digest)


def test_the_next_pass_starts_a_day_later(registry):
    store = MemoryStore()
    assert scrub(registry.database, store, FAST, threading.Event())
    assert not scrub(registry.database, store, FAST, threading.Event())
    assert claim(registry.database, lambda: time.time() + PASS_S - 60) is None
    assert claim(registry.database, lambda: time.time() + PASS_S + 60) is not None


def test_one_process_scrubs_at_a_time_and_another_continues_if_it_ends(registry):
    claimed = claim(registry.database)
    assert claimed is not None
    assert claim(registry.database) is None
    assert claim(registry.database, lambda: time.time() + LEASE_S + 1).started_at == claimed.started_at


def test_a_stopped_pass_is_continued_after_the_last_blob_it_has_checked(registry):
    store, stopped = MemoryStore(), threading.Event()
    digests = sorted(store.put(bytes([number]))[0] for number in range(20))
    checked = []
    verify = store.verify

    def verify_and_stop(digest, size_bytes=None, pace=None):
        checked.append(digest)
        if len(checked) == 8:
            stopped.set()
        return verify(digest, size_bytes, pace)

    store.verify = verify_and_stop
    with pytest.raises(Stopped):
        scrub(registry.database, store, FAST, stopped)
    stopped.clear()
    assert scrub(registry.database, store, FAST, stopped)
    assert sorted(set(checked)) == digests
    assert len(checked) == 21  # The one during which it was stopped is read again.


def test_the_rate_is_kept_and_waiting_can_be_stopped():
    pace, start = Pace(1.0), time.monotonic()
    for _ in range(4):
        pace(100_000)
    assert 0.3 < time.monotonic() - start < 3
    stopped = threading.Event()
    threading.Timer(0.05, stopped.set).start()
    with pytest.raises(Stopped):
        Pace(1.0, stopped)(100_000_000)
