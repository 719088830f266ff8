"""Caches, and the feature dataset that uses them."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.errors import Unreachable
from trainers.corpora.text_columns import Tags
from trainers.inputs.feature_cache import key_of, load_or_compute
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features, example_weights
from trainers.inputs.prompt_rules import PromptRules


def rows_of(first: int, last: int) -> Any:
    return np.arange(first, last, dtype=np.float16)[:, None].repeat(3, axis=1)


def test_a_cache_is_computed_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def compute(first: int, last: int) -> Any:
        calls.append(first)
        return rows_of(first, last)

    for _ in range(2):
        found = load_or_compute(tmp_path, key_of("a"), (10, 3), compute, batch_size=4, quiet=True)
        assert np.array_equal(found, rows_of(0, 10))
    assert calls == [0, 4, 8]
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def test_an_interrupted_cache_continues_after_its_last_row(tmp_path: Path) -> None:
    calls: list[int] = []

    def compute(first: int, last: int) -> Any:
        if first == 8 and not calls.count(8):
            calls.append(8)
            raise KeyboardInterrupt
        calls.append(first)
        return rows_of(first, last)

    with pytest.raises(KeyboardInterrupt):
        load_or_compute(tmp_path, key_of("a"), (10, 3), compute, batch_size=4, quiet=True)
    assert not list(tmp_path.glob("*.npy"))
    assert np.array_equal(
        load_or_compute(tmp_path, key_of("a"), (10, 3), compute, batch_size=4, quiet=True), rows_of(0, 10)
    )
    assert calls == [0, 4, 8, 8]
    assert not list(tmp_path.glob("*.part"))


def test_a_cache_too_large_for_the_disk_is_refused_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(Unreachable, match=r"caching texts needs .* GB, but 0.0 GB are free"):
        load_or_compute(
            tmp_path, key_of("a"), (10, 3), lambda first, last: pytest.fail("computed"), label="texts", quiet=True
        )
    assert not list(tmp_path.glob("*.part"))


def test_a_cache_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Unreachable, match="cannot be written"):
        load_or_compute(tmp_path / "file" / "caches", key_of("a"), (1, 3), rows_of, quiet=True)


def test_keys_depend_on_every_part() -> None:
    assert key_of("a", 1, ["x"]) == key_of("a", 1, ["x"])
    assert len({key_of("a", 1, ["x"]), key_of("b", 1, ["x"]), key_of("a", 2, ["x"]), key_of("a", 1, ["y"])}) == 4


def shares(counts: dict[str, int], mixture: Mixture) -> dict[str, float]:
    """Return the summed weights of languages with so many texts of equal weight."""
    tags = Tags([*counts], np.repeat(np.arange(len(counts), dtype=np.int16), [*counts.values()]))
    weights = example_weights(tags, np.ones(len(tags)), mixture)
    return dict(zip(counts, np.bincount(tags.codes_N, weights.numpy()).tolist(), strict=True))


def test_languages_are_sampled_by_temperature_and_english_by_its_share() -> None:
    mixture = Mixture(("yo", "sw"), english_share=0.4, temperature=2.0)
    assert shares({"yo": 400, "sw": 100, "en": 900}, mixture) == pytest.approx({"yo": 0.4, "sw": 0.2, "en": 0.4})


def test_english_without_a_share_is_sampled_like_other_languages_if_it_was_asked_for() -> None:
    found = shares({"zh": 100, "en": 100}, Mixture(("en", "zh"), english_share=0.0))
    assert found == pytest.approx({"zh": 0.5, "en": 0.5})


def test_english_alone_gets_everything() -> None:
    assert shares({"en": 4}, Mixture(("en",))) == pytest.approx({"en": 1})


def test_the_first_row_is_the_empty_prompt_and_is_never_sampled(features: FeatureDataset, base: FrozenBase) -> None:
    assert features.weights_N[0] == 0
    assert features.weights_N.sum().item() == pytest.approx(1)
    assert torch.allclose(features.teacher_tokens(torch.tensor([0])), base.text_states([""]), atol=1e-2)


def test_a_text_is_paired_with_the_states_of_its_english_meaning_and_its_image(
    features: FeatureDataset, base: FrozenBase, encoder: TextEncoder, corpus: Any
) -> None:
    texts = [*corpus.examples("yo"), *corpus.examples("sw"), *corpus.examples("en")]
    for row in (1, 7, 15, 30):
        example = texts[row - 1]
        states, mask = features.encoder_states(torch.tensor([row]))
        expected, expected_mask = encoder.encode([example.text], 8)
        assert torch.allclose(states, expected, atol=1e-2)
        assert torch.equal(mask, expected_mask)
        assert torch.allclose(
            features.teacher_tokens(torch.tensor([row])), base.text_states([example.meaning]), atol=1e-2
        )
        latents = base.latents(corpus.images([example.concept]))
        assert torch.allclose(features.latents(torch.tensor([row])), latents, atol=1e-4)


def test_prompts_have_their_prefix_and_the_empty_one_follows_the_negative_rule(
    corpus: Any, base: FrozenBase, encoder: TextEncoder, tmp_path: Path
) -> None:
    written = {"prefix": "dog ", "drop": [1], "length": 6, "negative": {"length": 5}}
    found = collect_features(
        corpus, Mixture(("yo",)), base, encoder, length=0, store=Store(tmp_path, "b", "e", quiet=True),
        prompt_rules=PromptRules.parse(written, what="test"),
    )  # fmt: skip
    assert found.length == 5
    states_BLE, mask_BL = found.encoder_states(torch.tensor([0, 3]))
    empty, _ = encoder.encode([""], 5)
    third, third_mask = encoder.encode(["dog " + found.texts_N[3]], 6)
    kept = [0, 2, 3, 4, 5]
    torch.testing.assert_close(states_BLE[0], empty[0].half().float())
    torch.testing.assert_close(states_BLE[1], third[0, kept].half().float())
    assert mask_BL[1].tolist() == third_mask[0, kept].tolist()
