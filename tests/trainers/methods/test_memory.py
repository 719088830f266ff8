"""The phrase memory: collecting phrases, the loss, and a memory that is trained on two encoders, published and read through."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from hub.errors import DamagedFile, DoesNotFit, InvalidRequest, UnknownArtifact, UnknownFile
from hub.loader import load_pipeline
from hub.loader.merge_modules import merge
from hub.local import LocalHub
from tests.builders.training.commands import TINY, json_of
from trainers.cli import train
from trainers.frozen.find_frozen import find_encoders
from trainers.frozen.sentence_encoder import PROMPTS, open_sentence_encoder, prefix_of
from trainers.inputs.features import FeatureDataset
from trainers.inputs.phrases import collect_phrases
from trainers.methods.memory import make_learner
from trainers.objectives.phrase_alignment import PhraseAlignment

BOTH = (*TINY[:2], "--encoder", "tiny-xlmr+tiny-xlmr", *TINY[4:])

pytestmark = pytest.mark.usefixtures("few_denoising_steps")


def test_meanings_give_phrases_and_translations_give_pairs() -> None:
    found = collect_phrases(
        ["ọwọ́: adúláwọ̀", "ọwọ́", "ọwọ́, àmì", "हाथ, ऊपर", "lapapọ"],
        ["yo", "yo", "yo", "hi", "yo"],
        ["hand: dark skin", "hand", "hand", "raised hand", "hand: light skin"],
        [0.25, 1.0, 0.5, 1.0, 1.0],
    )
    assert found.english_P == ("hand", "dark skin", "raised hand", "light skin")
    pairs = zip(found.texts_N, found.languages_N, (found.english_P[place] for place in found.phrase_N), strict=True)
    assert [*pairs] == [("ọwọ́", "yo", "hand"), ("adúláwọ̀", "yo", "dark skin"), ("हाथ, ऊपर", "hi", "raised hand")]
    assert found.weights_N == (1.25, 0.25, 1.0), "a list that begins with the name, and unequal parts, give no pair"
    assert found.languages == ["en", "yo", "hi"]


@pytest.fixture
def memory_features(features: FeatureDataset, hub: LocalHub) -> FeatureDataset:
    from dataclasses import replace

    sources = find_encoders("tiny-xlmr+tiny-xlmr", hub)
    return replace(features, sentence_encoder=open_sentence_encoder(sources, torch.device("cpu")))


def test_the_loss_is_infonce_of_every_encoder_over_all_phrases(memory_features: FeatureDataset) -> None:
    from trainers.loop.method import Draw

    learner = make_learner(memory_features)
    memory: Any = learner.module
    method = PhraseAlignment(memory, memory_features, temperature=0.1, noise=0.0)
    rows = torch.tensor([0, 3, 5])
    found = method.loss(Draw(0, rows, torch.Generator().manual_seed(0)))
    phrases = memory_features.phrases
    own = memory.centre(memory_features.sentences[1][rows])
    right = torch.tensor([phrases.phrase_N[row] for row in rows])
    expected = sum(
        F.cross_entropy(aligner(part) @ keys.T / 0.1, right).item()
        for part, keys, aligner in zip(own, memory.keys(), memory.aligners, strict=True)
    )
    assert found.total.item() == pytest.approx(expected, rel=1e-4)


def test_sentences_are_cached_by_the_plan_and_their_size_is_told(memory_features: FeatureDataset) -> None:
    phrases = memory_features.phrases
    memory_features.fill(["sentences"])
    keys_PE, texts_NE = memory_features.sentences
    assert (len(keys_PE), len(texts_NE)) == (len(phrases.english_P), len(phrases.texts_N))
    (size,) = memory_features.sizes(["sentences"]).values()
    assert size == 2 * (keys_PE.numel() + texts_NE.numel())


def test_only_the_aligners_are_trained(memory_features: FeatureDataset) -> None:
    memory: Any = make_learner(memory_features).module
    assert {name.split(".")[0] for name, _ in memory.named_parameters()} == {"aligners"}


def test_a_memory_on_two_encoders_is_published_and_the_base_reads_its_phrases(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outcome = json_of(capsys, train, "memory", "--lang", "yo", *BOTH, "--steps", "60", "--push", "--n", "3")
    found = hub.registry.get("memory-yo")
    assert (found.kind, found.bases) == ("adapter", ("tiny-sd",))
    assert "r_precision_at_1" in {score.metric for score in found.scores}
    variant = Path(outcome["folder"]) / "tiny-sd"
    config = json.loads((variant / "config.json").read_text())
    assert [pin["readout"] for pin in config["encoder"]] == ["mean", "mean"]
    pipe = load_pipeline("tiny-sd", adapter="memory-yo", hub=hub, device="cpu")
    base = load_pipeline("tiny-sd", hub=hub, device="cpu")
    assert pipe.translations(["ajá", "ẹja"], language="yo") == ["dog", "fish"]
    prompts = ["ajá", "", "ilé"]
    expected = base.encode_prompt(["dog", "", "house"], torch.device("cpu"), 1, False)[0]
    assert torch.equal(pipe.encode_prompt(prompts, torch.device("cpu"), 1, False)[0], expected)
    pipe.free_encoder()
    assert pipe.translations(["ajá"], language="yo") == ["dog"], "freed encoders are loaded again"
    with pytest.raises(DoesNotFit, match="searches a memory"):
        merge([variant.parent, variant.parent], tmp_path / "merged", hub=hub)

    for damage, error, message in (
        (lambda folder: (folder / "phrases.json").unlink(), UnknownFile, r"phrases\.json"),
        (lambda folder: (folder / "phrases.json").write_text("{"), DamagedFile, "cannot be read"),
        (lambda folder: (folder / "phrases.json").write_text("[1]"), DamagedFile, "not a list of phrases"),
        (lambda folder: (folder / "phrases.json").write_text('["dog"]'), DamagedFile, "has 1 phrases"),
        (lambda folder: _change(folder, widths=[8, 8]), DoesNotFit, "of the widths"),
        (lambda folder: _change(folder, languages=0), DoesNotFit, "at least 1"),
    ):
        copy = tmp_path / "damaged" / "memory-yo"
        shutil.rmtree(copy.parent, ignore_errors=True)
        shutil.copytree(variant.parent, copy)
        damage(copy / "tiny-sd")
        with pytest.raises(error, match=message) as caught:
            load_pipeline("tiny-sd", adapter=copy, hub=hub, device="cpu")
        assert "\n" not in str(caught.value)


def _change(folder: Path, **settings: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"module": config["module"] | settings}))


def test_encoders_are_joined_by_a_plus_for_methods_that_take_several(
    hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [source.short_name for source in find_encoders("tiny-xlmr + tiny-xlmr", hub)] == ["tiny-xlmr"] * 2
    with pytest.raises(UnknownArtifact, match="nowhere"):
        find_encoders("tiny-xlmr+nowhere", hub)
    with pytest.raises(InvalidRequest, match="trained on one encoder, not on 2"):
        json_of(capsys, train, "mulan", "--lang", "yo", *BOTH)


def test_the_prefix_is_that_of_sentence_transformers(hub: LocalHub, encoder_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prefixed"
    shutil.copytree(encoder_folder, folder)
    (folder / PROMPTS).write_text('{"prompts": {"query": "query: "}, "default_prompt_name": "query"}')
    (source,) = find_encoders(str(folder), hub)
    assert prefix_of(source) == "query: "
    (part,) = open_sentence_encoder([source], torch.device("cpu")).parts
    plain = part.with_readout("mean")
    assert torch.equal(part.encode(["ajá"], 8)[0], plain.encode(["query: ajá"], 8)[0])
    (folder / PROMPTS).write_text("[]")
    with pytest.raises(DamagedFile, match="cannot be read"):
        prefix_of(source)
