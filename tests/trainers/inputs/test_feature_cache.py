"""A cache is computed once, shard by shard, and an interrupted one continues with the shards that are missing."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from hub.errors import Unreachable
from trainers.inputs import feature_cache
from trainers.inputs.feature_cache import FeatureCache, key_of, list_cached
from trainers.inputs.sharded_rows import ShardedRows

EVERYTHING = np.arange(10, dtype=np.float16)[:, None].repeat(3, axis=1)


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four rows a shard, so ten rows are three shards."""
    monkeypatch.setattr(feature_cache, "SHARD_ROWS", 4)


def cache_in(folder: Path, compute: Callable[[int, int], Any], **other: Any) -> FeatureCache:
    settings = {"shape": (10, 3), "batch_size": 2, "quiet": True, **other}
    return FeatureCache(folder=folder, key=key_of("a"), compute=compute, **settings)


class Model:
    """Counts its computations."""

    def __init__(self, *, stops_at: int = -1) -> None:
        self.calls: list[int] = []
        self.stops_at = stops_at

    def __call__(self, first: int, last: int) -> Any:
        self.calls.append(first)
        if first == self.stops_at:
            raise KeyboardInterrupt
        return EVERYTHING[first:last]


def test_a_cache_is_computed_once(tmp_path: Path) -> None:
    model = Model()
    for _ in range(2):
        assert np.array_equal(cache_in(tmp_path, model).load().all(), EVERYTHING)
    assert model.calls == [0, 2, 4, 6, 8]
    names = sorted(path.name for path in cache_in(tmp_path, model).place.iterdir())
    assert names == [*(f"0000{shard}-of-00003.npy" for shard in range(3)), "cache.json"]


def test_an_interrupted_cache_continues_with_the_missing_shards(tmp_path: Path) -> None:
    model = Model(stops_at=6)
    with pytest.raises(KeyboardInterrupt):
        cache_in(tmp_path, model).load()
    cache = cache_in(tmp_path, model)
    assert cache.path(1).with_suffix(".part").exists(), "or else no shard was half written"
    assert cache.missing() == [1, 2]
    assert [(each.shards, each.of, each.finished) for each in list_cached(tmp_path)] == [(1, 3, False)]
    model.stops_at = -1
    assert np.array_equal(cache.load().all(), EVERYTHING)
    assert model.calls == [0, 2, 4, 6, 4, 6, 8]
    assert not list(tmp_path.rglob("*.part"))
    assert [each.finished for each in list_cached(tmp_path)] == [True]


@pytest.mark.parametrize("damage", [b"", b"half", None])
def test_a_shard_whose_file_is_not_whole_is_computed_again(damage: bytes | None, tmp_path: Path) -> None:
    model = Model()
    cache = cache_in(tmp_path, model)
    cache.load()
    content = cache.path(1).read_bytes()
    cache.path(1).write_bytes(content[:-1] if damage is None else damage)
    model.calls.clear()
    assert np.array_equal(cache.load().all(), EVERYTHING)
    assert model.calls == [4, 6]
    assert cache.path(1).read_bytes() == content


def test_a_shard_that_another_process_computes_is_left_to_it_and_waited_for(tmp_path: Path) -> None:
    other, model = Model(), Model()
    cache = cache_in(tmp_path, model)
    cache.place.mkdir(parents=True)
    lock = FileLock(cache.path(0).with_suffix(".lock"), thread_local=False)
    lock.acquire()
    found: list[ShardedRows] = []
    here = threading.Thread(target=lambda: found.append(cache.load()))
    here.start()
    while cache.missing() != [0]:
        here.join(0.01)
    assert here.is_alive(), "it waits for the locked shard"
    cache_in(tmp_path, other)._write(0, lambda _: None)
    lock.release()
    here.join(10)
    assert np.array_equal(found[0].all(), EVERYTHING)
    assert model.calls == [4, 6, 8]
    assert other.calls == [0, 2]
    assert not list(tmp_path.rglob("*.lock"))


def test_a_shard_is_at_most_128_mb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "SHARD_ROWS", 4096)
    latents = cache_in(tmp_path, Model(), shape=(1_000_000, 4, 128, 128))
    assert (latents.shard_rows, latents.shard_count) == (1024, 977)
    assert cache_in(tmp_path, Model(), shape=(1_000_000, 768)).shard_rows == 4096
    assert cache_in(tmp_path, Model(), shape=(3, 1 << 30)).shard_rows == 1


def test_rows_of_many_shards_are_read_in_any_order_while_few_files_are_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainers.inputs import sharded_rows

    monkeypatch.setattr(sharded_rows, "OPEN_SHARDS", 1)
    monkeypatch.setattr(feature_cache, "SHARD_ROWS", 1)
    rows = cache_in(tmp_path, Model()).load()
    index_B = np.array([9, 0, 0, 5, 9, 3])
    out = np.empty((6, 3), np.float16)
    rows.take(index_B, out)
    assert np.array_equal(out, EVERYTHING[index_B])
    assert rows._open.cache_info().currsize == 1


def test_a_cache_too_large_for_the_disk_is_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(Unreachable, match=r"caching texts needs .* GB, but 0.0 GB are free"):
        cache_in(tmp_path, lambda first, last: pytest.fail("computed"), label="texts").load()
    assert not list(tmp_path.rglob("*.part"))


def test_a_cache_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Unreachable, match="cannot be written") as caught:
        cache_in(tmp_path / "file" / "caches", Model()).load()
    assert "\n" not in str(caught.value)


def test_keys_depend_on_every_part() -> None:
    assert key_of("a", 1, ["x"]) == key_of("a", 1, ["x"])
    assert len({key_of("a", 1, ["x"]), key_of("b", 1, ["x"]), key_of("a", 2, ["x"]), key_of("a", 1, ["y"])}) == 4
