"""A corpus ten times as large takes a few bytes a row more: no caption of it is kept as a Python object."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from tests.builders.training.captions import opened
from trainers.corpora import caption_index
from trainers.corpora.columns import Columns
from trainers.inputs.features import Store
from trainers.inputs.mixture import Mixture, collect_features

COLUMNS = Columns("", (("en", "en"), ("yo", "yo")))
KEPT, COPIED = 35, 150
"""Bytes a row: hashes, flags and places in numpy's memory, and what sorting copies of them. A row's captions as objects take 200."""


def write(folder: Path, count: int) -> Path:
    folder.mkdir()
    line = '{{"en": "a cat and a dog beside the house {0}", "yo": "ologbo ati aja legbe ile {0}"}}\n'
    (folder / "texts.jsonl").write_text("".join(line.format(n) for n in range(count)))
    return folder / "texts.jsonl"


def peaks(place: Path, base: FrozenBase, encoder: TextEncoder) -> tuple[int, int]:
    """Return the bytes of Python and numpy at most and in the end, of opening and of collecting the texts of two languages."""
    store = Store(place.parent / "caches", "b", "e", quiet=True)
    tracemalloc.start()
    corpus = opened(place, COLUMNS)
    features = collect_features(corpus, Mixture(("yo",), 0.5), base, encoder, length=8, store=store)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(features.texts_N) > 1.8 * 0.95 * len(corpus.examples("yo"))
    return peak, kept


def test_opening_a_corpus_ten_times_as_large_takes_a_few_bytes_a_row(
    base: FrozenBase, encoder: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caption_index, "BATCH", 200)
    peaks(write(tmp_path / "0", 500), base, encoder)  # What is imported and made once.
    small, large = (peaks(write(tmp_path / str(count), count), base, encoder) for count in (500, 5000))
    assert large[0] - small[0] < COPIED * 4500
    assert large[1] - small[1] < KEPT * 4500
