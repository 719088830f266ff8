"""The host's memory for texts is what they take."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import torch

from trainers.corpora import open_corpus
from trainers.corpora.columns import Columns
from trainers.forecast.planned_features import PlannedCorpus, host_bytes
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features

LENGTH = 20


class OneTokenizer:
    """An encoder of which only the tokenizer is used."""

    def tokenize(self, texts: list[str], length: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(len(texts), length, dtype=torch.long), torch.ones(len(texts), length, dtype=torch.long)


def collected(count: int, folder: Path) -> FeatureDataset:
    folder.mkdir()
    line = '{{"en": "a cat and a dog beside the house {0}", "yo": "ologbo ati aja legbe ile {0}"}}\n'
    (folder / "texts.jsonl").write_text("".join(line.format(place) for place in range(count)))
    columns = Columns(captions=(("en", "en"), ("yo", "yo")), held_out_share=0.0)
    corpus = open_corpus(str(folder / "texts.jsonl"), columns, folder=folder)
    store, base, encoder = Store(folder, "", "", quiet=True), None, OneTokenizer()
    return collect_features(corpus, Mixture(("yo",), 0.0), base, encoder, length=LENGTH, store=store)  # type: ignore[arg-type]


def test_the_hosts_memory_for_texts_is_an_upper_bound(tmp_path: Path) -> None:
    collected(10, tmp_path / "few")  # What is imported and made once.
    tracemalloc.start()
    features = collected(20_000, tmp_path / "many")
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    tensors = (features.weights_N, features.translated_weights_N, features.native_N, features.meaning_N)
    taken = kept + sum(each.nbytes for each in tensors)
    assert 0.5 * host_bytes(features) < taken <= host_bytes(features), taken


def test_a_planned_corpus_is_a_sample_and_its_scale() -> None:
    corpus = PlannedCorpus(1_000_000, ["yo"])
    assert len(corpus.examples("yo")) * corpus.scale == 1_000_000
    assert PlannedCorpus(10, ["yo"]).scale == 1.0
