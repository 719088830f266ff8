"""Caches stay on disk: a batch is read when it is needed, or ahead of it."""

from __future__ import annotations

import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from tests.builders.training.toy import ToyCorpus
from trainers.corpora.corpus import Example
from trainers.inputs import feature_cache
from trainers.inputs import features as features_module
from trainers.inputs.feature_cache import FeatureCache
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mapped_rows import MappedRows
from trainers.inputs.mixture import Mixture, collect_features
from trainers.inputs.sharded_rows import Rows, ShardedRows
from trainers.loop.loop import train
from trainers.loop.recipe import Recipe
from trainers.methods import get_plan

CPU = torch.device("cpu")


def rows_in(folder: Path, values: Rows) -> ShardedRows:
    return FeatureCache(
        folder=folder,
        key="k",
        shape=values.shape,
        compute=lambda a, b: values[a:b],
        dtype=str(values.dtype),
        quiet=True,
    ).load()


@pytest.mark.parametrize("shard_rows", [7, 4096])
def test_rows_that_were_read_ahead_are_those_of_the_files(
    shard_rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_cache, "SHARD_ROWS", shard_rows)
    values = np.random.default_rng(0).standard_normal((50, 3, 2)).astype("float16")
    rows = MappedRows(rows_in(tmp_path, values), CPU)
    expected = torch.from_numpy(values).float()
    batches = [torch.tensor(each) for each in ([3, 3, 0], [49, 0, 7, 7], [1, 2], [5, 0, 5])]
    for batch, after in zip(batches, [*batches[1:], batches[0]], strict=True):
        rows.prefetch(torch.cat([torch.zeros(1, dtype=torch.long), after]))
        assert torch.equal(rows[batch], expected[batch])
        assert torch.equal(rows[batch.masked_fill(batch == 7, 0)], expected[batch.masked_fill(batch == 7, 0)])


def test_a_batch_that_was_announced_is_read_by_another_thread_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[bool, int]] = []
    take = MappedRows._take

    rows = MappedRows(rows_in(tmp_path, np.zeros((9, 2), "float16")), CPU)
    here = threading.current_thread()

    def spy(self: MappedRows, index_B: Tensor) -> Tensor:
        if self is rows:  # other rows may still be read ahead, for a test that has ended
            read.append((threading.current_thread() is here, len(index_B)))
        return take(self, index_B)

    monkeypatch.setattr(MappedRows, "_take", spy)
    rows[torch.tensor([1])]
    for place in range(3):
        rows.prefetch(torch.tensor([place + 2, place + 2]))
        if place:
            rows[torch.tensor([place + 1, place + 1])]
        else:
            rows[torch.tensor([8])]  # Not announced.
    rows[torch.tensor([4, 4])]  # Waits for the other thread.
    assert read.count((True, 1)) == 2, "the first batch and the one that was not announced"
    assert [where for where, _ in read].count(False) == 3


def test_rows_that_no_step_reads_are_not_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = MappedRows(rows_in(tmp_path, np.zeros((9, 2), "float16")), CPU)
    monkeypatch.setattr(MappedRows, "_take", lambda *_: pytest.fail("read"))
    rows.prefetch(torch.tensor([1]))


def test_a_blank_row_precedes_the_rows_of_the_file(tmp_path: Path) -> None:
    rows = MappedRows(rows_in(tmp_path, np.ones((4, 2), "float32")), CPU, has_blank=True)
    assert len(rows) == 5
    assert rows[torch.tensor([0, 4])].tolist() == [[0, 0], [1, 1]]


def test_a_sample_is_everything_of_a_small_cache_and_a_part_of_a_large_one(tmp_path: Path) -> None:
    rows = MappedRows(rows_in(tmp_path, np.arange(100, dtype="float32")[:, None]), CPU)
    assert len(rows.sample(100)) == 100
    assert rows.sample(10).flatten().tolist() == list(range(0, 100, 10))


class ManyTexts(ToyCorpus):
    """A corpus with as many captioned images as wanted."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.digest = str(count)

    def examples(self, language: str) -> list[Example]:
        if language != "yo":
            return []
        return [Example(f"ajá {n}", language, str(n), f"dog {n}") for n in range(self._count)]

    def images(self, concepts: Any) -> Tensor:
        return torch.zeros(len(concepts), 3, 32, 32, dtype=torch.uint8)


class PeakBytes(TorchDispatchMode):
    """Counts the bytes of the storages that operations create, and their peak."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._alive: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        import weakref

        answer = func(*args, **(kwargs or {}))
        for each in answer if isinstance(answer, tuple | list) else (answer,):
            if isinstance(each, Tensor):
                storage = each.untyped_storage()
                key = storage._cdata
                if key not in self._alive:
                    self._alive.add(key)
                    size = storage.nbytes()
                    self.now += size
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self._freed, key, size)
        return answer

    def _freed(self, key: int, size: int) -> None:
        self._alive.discard(key)
        self.now -= size


def step_peaks(count: int, base: FrozenBase, encoder: TextEncoder, folder: Path) -> tuple[int, int]:
    """Return the peak bytes of tensors and of numpy in three steps of `pea` on `count` pairs, from opening the caches on."""
    store = Store(folder / str(count), "b", "e", quiet=True)

    def collect() -> FeatureDataset:
        return collect_features(ManyTexts(count), Mixture(("yo",), 0.0), base, encoder, length=8, store=store)

    plan = get_plan("pea")
    phase = plan.phases[-1]
    collect().fill(phase.needs)
    found = collect()
    found._tokens  # noqa: B018 - cached on disk, as the phase's features are
    module = plan.learner(base, encoder).module
    tracemalloc.start()
    with PeakBytes() as counted:
        method = phase.make(module, found)
        recipe = Recipe(steps=3, batch_size=4, learning_rate=1e-3, precision="no")
        train(method, recipe, folder / f"run-{count}", quiet=True, device="cpu")
    host = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return counted.peak, host


def test_a_corpus_ten_times_as_large_takes_no_more_memory_in_a_step(
    base: FrozenBase, encoder: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features_module, "SAMPLE_BYTES", 1 << 14)
    step_peaks(40, base, encoder, tmp_path)  # What is imported and made once.
    (small, small_host), (large, large_host) = (step_peaks(count, base, encoder, tmp_path) for count in (200, 2000))
    pairs = 2000 - 200
    assert large - small < 40 * pairs, "a weight, its sum and a place for each text: no state and no latent"
    assert large_host - small_host < 100 * pairs
