"""mCLIP's first stage: translation, then translation and contrast; an encoder that the second stage can use."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from hub import load_retriever
from hub.encoders.text_encoder import TextEncoder
from hub.local import LocalHub
from tests.builders.training.commands import DUAL, json_of
from tests.builders.training.losses import golden_losses, plain_contrast, some_draw
from trainers.cli import train
from trainers.inputs.features import FeatureDataset
from trainers.learners.decoder import add_decoder
from trainers.loop.loop import train as run_loop
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import GroupedSampler
from trainers.methods.mte import TranslationAndContrast, TranslationFrozen
from trainers.objectives.translation import Translation

GOLDEN = [6.539340, 6.314146, 6.294414, 6.126694]


def model_for(features: FeatureDataset, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    model: Any = add_decoder(features.encoder, dropout=0.0)
    return model.eval()


def test_the_loss_is_translation_plus_twice_the_contrast_of_mean_states(features: FeatureDataset) -> None:
    model = model_for(features)
    found = TranslationAndContrast(model, features).loss(some_draw())
    translated = Translation(model, features).loss(some_draw()).total.item()
    rows = torch.arange(1, 7)
    english = [features.english_M[place] for place in features.meaning_N[rows]]
    means = []
    for texts in ([features.texts_N[row] for row in rows], english):
        states, mask = features.encoder.encode(texts, features.length)
        means.append(torch.stack([row[keep].mean(0) for row, keep in zip(states, mask, strict=True)]))
    contrast = plain_contrast(means[0], means[1], 10.0, features.meaning_N[rows].tolist())
    assert found.total.item() == pytest.approx(
        translated + 2 * contrast, rel=2e-3
    )  # cached states are in half precision
    assert math.isclose(found.parts["contrast"].item(), contrast, rel_tol=1e-3)


def test_contrasted_examples_are_of_one_language_if_requested(
    features: FeatureDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = TranslationAndContrast(model_for(features), features, one_language=True)
    parts: list[list[str]] = []
    loss = method.loss

    def listen(draw: Any) -> Any:
        parts.append([features.languages_N[row] for row in draw.indices_B])
        return loss(draw)

    monkeypatch.setattr(method, "loss", listen)
    run_loop(
        method, Recipe(steps=6, batch_size=8, accumulation=2, learning_rate=1e-3, precision="no"), tmp_path, quiet=True,
        device="cpu",
    )  # fmt: skip
    assert len(parts) == 12 and all(len(part) == 4 and len(set(part)) == 1 for part in parts)
    assert {part[0] for part in parts} == {"en", "yo", "sw"}


def test_each_part_of_all_processes_is_of_one_group_and_groups_follow_their_weights() -> None:
    groups, weights = torch.tensor([0, 1, 1, 2, 2, 3]), torch.tensor([0.0, 0.2, 0.1, 0.5, 0.1, 0.1])
    sampler = GroupedSampler(groups, weights, 24, seed=1, parts=2, processes=3)
    seen = []
    for step in range(300):
        indices_B = sampler.draw(step)
        assert torch.equal(indices_B, sampler.draw(step))
        for part in range(2):
            shards = [indices_B[3 * part + rank :: 6] for rank in range(3)]
            (group,) = {int(groups[each]) for shard in shards for each in shard}
            seen.append(group)
    shares = [seen.count(group) / len(seen) for group in range(4)]
    assert shares == pytest.approx([0, 0.3, 0.6, 0.1], abs=0.06)


def test_the_first_four_losses_are_as_recorded(features: FeatureDataset) -> None:
    method = TranslationAndContrast(model_for(features, seed=4), features)
    assert golden_losses(method) == pytest.approx(GOLDEN, rel=2e-3)


def test_the_encoder_is_trained_in_the_second_phase_only_and_the_frozen_one_never(features: FeatureDataset) -> None:
    model = model_for(features)
    before = copy.deepcopy(features.encoder.model.state_dict())
    TranslationFrozen(model, features).loss(some_draw()).total.backward()
    assert all(each.grad is None for each in model.encoder.parameters())
    TranslationAndContrast(model, features).loss(some_draw()).total.backward()
    assert model.encoder.embeddings.word_embeddings.weight.grad.abs().sum() > 0
    assert all(torch.equal(value, before[key]) for key, value in features.encoder.model.state_dict().items())


def test_an_encoder_is_published_as_a_transformers_model_and_mclip_trains_on_it(
    hub: LocalHub, encoder: TextEncoder, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = json_of(capsys, train, "mte", "--lang", "yo", *DUAL, "--steps", "12", "--push", "--n", "4")
    found = hub.registry.get("mte-yo")
    assert (found.kind, found.variants, found.languages) == ("encoder", (), ("yo",))
    assert {score.benchmark for score in found.scores} == {"emoji-retrieval"}
    learnt = TextEncoder.from_folder(Path(outcome["folder"]), dtype=torch.float32)
    ours, theirs = learnt.encode(["ajá"], 8)[0], encoder.encode(["ajá"], 8)[0]
    assert ours.shape == theirs.shape
    assert not torch.allclose(ours, theirs, atol=1e-3)
    arguments = [each if each != "tiny-xlmr" else "mte-yo" for each in DUAL]
    outcome = json_of(capsys, train, "mclip", "--lang", "yo", *arguments, "--steps", "2", "--no-evaluate", "--push")
    config = json.loads((Path(outcome["folder"]) / "emoji-judge" / "config.json").read_text())
    assert config["encoder"]["name"] == "local/mte-yo"
    retriever = load_retriever("emoji-judge", adapter="mclip-yo", hub=hub, device="cpu")
    assert retriever.projection is not None
    read = retriever.projection.encoder.encode(["ajá"], 8)[0]
    assert torch.equal(read, ours)
