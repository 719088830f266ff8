"""The feature dataset: the texts that it samples, and their pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from trainers.corpora.text_columns import Tags
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features, example_weights
from trainers.inputs.prompt_rules import PromptRules


def shares(counts: dict[str, int], mixture: Mixture) -> dict[str, float]:
    """Return the sum of the weights of each language; `counts` are its texts, all of equal weight."""
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


def test_sampled_latents_have_the_mean_and_the_deviation_of_the_posterior(
    corpus: Any, base: FrozenBase, encoder: TextEncoder, tmp_path: Path, features: FeatureDataset
) -> None:
    sampled = collect_features(
        corpus, Mixture(("yo",)), base, encoder, length=8, store=Store(tmp_path, "b", "e", quiet=True), sample_latents=True
    )  # fmt: skip
    rows = torch.tensor([1, 5])
    mean, deviation = base.posterior(corpus.images([sampled.concept_M[row] for row in sampled.meaning_N[rows]])).chunk(
        2, 1
    )
    torch.testing.assert_close(mean, sampled.latents(rows), atol=1e-4, rtol=0)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([sampled.latents(rows, generator) for _ in range(2000)])
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.15 * deviation.max().item(), rtol=0)
    torch.testing.assert_close(drawn.std(0), deviation, atol=0, rtol=0.15)
    first, second = (sampled.latents(rows, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert (sampled.latents(torch.tensor([0]), generator) == 0).all(), "the empty text has no image"
    plain = torch.Generator().manual_seed(0)
    assert torch.equal(features.latents(rows, plain), features.latents(rows))
    assert torch.equal(plain.get_state(), torch.Generator().manual_seed(0).get_state()), "means use no randomness"
