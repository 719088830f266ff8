"""The host's memory for texts is what they take."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch

from trainers.corpora.corpus import Example
from trainers.forecast.planned_features import PlannedCorpus, host_bytes
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features

LENGTH = 20


class OneTokenizer:
    """An encoder of which only the tokenizer is used."""

    def tokenize(self, texts: list[str], length: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(len(texts), length, dtype=torch.long), torch.ones(len(texts), length, dtype=torch.long)


def collected(count: int, folder: Path) -> FeatureDataset:
    corpus: Any = PlannedCorpus(1, ["yo"])
    corpus.examples = lambda tag: [
        Example(f"{tag} {place} ".ljust(100, "a"), tag, str(place), f"en {place} ".ljust(100, "a"))
        for place in range(count)
    ]
    store, base, encoder = Store(folder, "", "", quiet=True), None, OneTokenizer()
    return collect_features(corpus, Mixture(("yo",), 0.0), base, encoder, length=LENGTH, store=store)  # type: ignore[arg-type]


def test_the_hosts_memory_for_texts_is_told_within_a_third(tmp_path: Path) -> None:
    collected(10, tmp_path)  # What is imported and made once.
    tracemalloc.start()
    features = collected(20_000, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    tensors = features.weights_N.nbytes + features.meaning_N.nbytes + 5 * features.mask_NL.numel()
    assert host_bytes(features) == pytest.approx(peak + tensors, rel=0.33)


def test_a_planned_corpus_is_a_sample_and_its_scale() -> None:
    corpus = PlannedCorpus(1_000_000, ["yo"])
    assert len(corpus.examples("yo")) * corpus.scale == 1_000_000
    assert PlannedCorpus(10, ["yo"]).scale == 1.0
