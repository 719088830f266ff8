"""Translate, then generate: the loss against plain arithmetic, and a translator that is trained, published and read through."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    M2M100Config,
    M2M100ForConditionalGeneration,
    PreTrainedTokenizerFast,
    XLMRobertaModel,
)

from hub.encoders.text_encoder import TextEncoder
from hub.errors import DamagedFile, DoesNotFit, WeightsDoNotFit
from hub.images.generate import GenerationSettings, PromptWithLanguage, compare
from hub.loader import load_pipeline
from hub.loader.modules.translator import FOLDER, Translator
from hub.local import LocalHub
from tests.builders.training.commands import TINY, json_of
from tests.builders.training.losses import golden_losses, some_draw
from trainers.cli import train
from trainers.inputs.features import FeatureDataset
from trainers.learners.decoder import add_decoder
from trainers.learners.wrap_translator import wrap
from trainers.loop.loop import train as run_loop
from trainers.loop.recipe import Recipe
from trainers.objectives.translation import Translation, next_token_loss

GOLDEN = [3.724131, 3.649094, 3.515268, 3.409624]
SETTINGS = {"new_tokens": 6, "source": "", "target": ""}

pytestmark = pytest.mark.usefixtures("few_denoising_steps")


def model_for(features: FeatureDataset, seed: int = 0, dropout: float = 0.0) -> Any:
    torch.manual_seed(seed)
    return add_decoder(features.encoder, dropout=dropout)


def test_next_token_loss_is_that_of_the_formula() -> None:
    logits, ids = torch.randn(2, 3, 5), torch.randint(0, 5, (2, 4))
    counts = torch.tensor([[True, True, True, True], [True, True, False, False]])
    expected, right = [], []
    for b, last in ((0, 3), (1, 1)):
        for t in range(last):
            row = logits[b, t].double()
            log_p = [(row[v] - row.exp().sum().log()).item() for v in range(5)]
            expected.append(-(0.9 * log_p[ids[b, t + 1]] + 0.1 * sum(log_p) / 5))
            right.append(float(row.argmax() == ids[b, t + 1]))
    loss, accuracy = next_token_loss(logits, ids, counts, 0.1)
    assert loss.item() == pytest.approx(math.fsum(expected) / 4, rel=1e-5)
    assert accuracy.item() == pytest.approx(sum(right) / 4)


def test_the_loss_is_that_of_the_whole_model_on_the_texts_themselves(features: FeatureDataset) -> None:
    model = model_for(features).eval()
    found = Translation(model, features, smoothing=0.0).loss(some_draw()).total.item()
    rows = torch.arange(1, 7)
    ids, mask = features.token_ids(rows)
    english, counts = features.encoder.tokenize([features.english_M[place] for place in features.meaning_N[rows]], 8)
    logits = model(input_ids=ids, attention_mask=mask.long(), decoder_input_ids=english[:, :-1]).logits
    labels = english[:, 1:].masked_fill(counts[:, 1:] == 0, -100)
    expected = torch.nn.functional.cross_entropy(logits.double().flatten(0, 1), labels.flatten(), ignore_index=-100)
    assert found == pytest.approx(expected.item(), rel=2e-3)  # cached states are in half precision


def test_the_first_four_losses_are_as_recorded(features: FeatureDataset) -> None:
    method = Translation(model_for(features, seed=4), features)
    assert golden_losses(method) == pytest.approx(GOLDEN, rel=2e-3)


def test_only_the_decoder_is_trained(features: FeatureDataset) -> None:
    model = model_for(features)
    Translation(model, features).loss(some_draw()).total.backward()
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    learning = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    silent = [name for name, parameter in learning.items() if parameter.grad is None]
    assert learning and silent == []


def test_an_encoder_stored_in_half_precision_is_trained_on_in_full(encoder_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(encoder_folder, folder)
    XLMRobertaModel.from_pretrained(encoder_folder, add_pooling_layer=False).half().save_pretrained(folder)
    model = add_decoder(TextEncoder.from_folder(folder, dtype=torch.float32))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_short_training_translates_most_words(features: FeatureDataset, tmp_path: Path, encoder_folder: Path) -> None:
    model = model_for(features)
    recipe = Recipe(steps=300, batch_size=16, learning_rate=6e-3, warmup_steps=5, precision="no", seed=1)
    run_loop(Translation(model, features), recipe, tmp_path, quiet=True)
    folder = tmp_path / "translator"
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(encoder_folder / name, folder / name)
    translator = Translator.from_folder(folder, SETTINGS, length=8, what="it")
    rows = [row for row in range(1, len(features.texts_N)) if features.languages_N[row] == "sw"]
    found = translator.translate([features.texts_N[row] for row in rows])
    wanted = [features.english_M[place] for place in features.meaning_N[rows].tolist()]
    assert sum(one == other for one, other in zip(found, wanted, strict=True)) >= 7  # of twelve; chance is one
    assert translator.translate([features.texts_N[rows[0]]]) == found[:1], "a batch changes no translation"


def test_a_translator_is_published_and_the_base_encodes_its_english(
    hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = json_of(capsys, train, "translate", "--lang", "yo", *TINY, "--push", "--n", "3")
    found = hub.registry.get("translate-yo")
    assert (found.kind, found.bases, found.encoder) == ("adapter", ("tiny-sd",), "")
    assert "r_precision_at_1" in {score.metric for score in found.scores}
    plain = AutoModelForSeq2SeqLM.from_pretrained(Path(outcome["folder"]) / "tiny-sd" / FOLDER)
    assert next(plain.parameters()).dtype == torch.float16, "transformers alone can read it"
    pipe = load_pipeline("tiny-sd", adapter="translate-yo", hub=hub, device="cpu")
    base = load_pipeline("tiny-sd", hub=hub, device="cpu")
    resident = pipe._prompt_encoder._module_cache["translate-yo"]
    prompts = ["ajá", "", "ilé"]
    english = resident.translator.translate(["ajá", "ilé"])
    expected = base.encode_prompt([english[0], "", english[1]], torch.device("cpu"), 1, False)[0]
    assert torch.equal(pipe.encode_prompt(prompts, torch.device("cpu"), 1, False)[0], expected)
    image = pipe("ajá", num_inference_steps=1, output_type="pt", generator=torch.Generator().manual_seed(0)).images
    assert image.shape == (1, 3, 32, 32)
    # Side by side with the base alone, its words below its images.
    raw, translated = compare(pipe, "tiny-sd", [PromptWithLanguage("ajá", "yo")], GenerationSettings("", 3, 2, 2.0))
    assert (raw.heading, translated.heading) == ("tiny-sd alone", "translated by translate-yo")
    assert [raw.cells[0].caption, translated.cells[0].caption] == [
        "",
        f"“{pipe.translations(['ajá'], language='yo')[0]}”",
    ]
    assert pipe.readers(["ajá", "a dog"], language=["yo", "en"]) == [("translate-yo",), ("",)]
    pipe.unload()
    assert torch.equal(
        pipe.encode_prompt("ajá", torch.device("cpu"), 1, False)[0],
        base.encode_prompt("ajá", torch.device("cpu"), 1, False)[0],
    )


@pytest.fixture
def m2m_folder(encoder_folder: Path, tmp_path: Path) -> Path:
    """A random model of NLLB's class, with a token for each language."""
    folder = tmp_path / "tiny-nllb"
    tokenizer = PreTrainedTokenizerFast.from_pretrained(encoder_folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["eng_Latn", "yor_Latn"]})
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = M2M100Config(
        vocab_size=len(tokenizer), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=32,
        pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
    )  # fmt: skip
    M2M100ForConditionalGeneration(config).half().save_pretrained(folder)
    return folder


def test_any_translation_model_of_transformers_can_be_wrapped(m2m_folder: Path, hub: LocalHub, tmp_path: Path) -> None:
    folder = wrap(m2m_folder, tmp_path / "nllb-yo", base="tiny-sd", languages=("yo",), hub=hub, target="eng_Latn")
    pipe = load_pipeline("tiny-sd", adapter=folder, hub=hub, device="cpu")
    translator = pipe._prompt_encoder._module_cache["nllb-yo"].translator
    ids = translator.model.generate(
        **translator.tokenizer("ajá", return_tensors="pt"),
        forced_bos_token_id=translator.tokenizer.convert_tokens_to_ids("eng_Latn"), max_new_tokens=3, num_beams=1,
    )  # fmt: skip
    assert ids[0, 1] == translator.tokenizer.convert_tokens_to_ids("eng_Latn")
    assert pipe.encode_prompt("ajá", torch.device("cpu"), 1, False)[0].shape == (1, 8, 16)


def test_a_translator_that_does_not_fit_is_refused_in_one_line(
    m2m_folder: Path, hub: LocalHub, tmp_path: Path, encoder_folder: Path
) -> None:
    folder = wrap(m2m_folder, tmp_path / "nllb-yo", base="tiny-sd", languages=("yo",), hub=hub, target="eng_Latn")
    path = folder / "tiny-sd" / "config.json"
    config = json.loads(path.read_text())
    cases = [
        ({"module": config["module"] | {"target": "fra_Latn"}}, DoesNotFit, "no token `fra_Latn`"),
        ({"module": {"new_tokens": 4}}, DoesNotFit, "with the settings"),
        ({"conditioning": {"width": 99}}, DoesNotFit, "width 99"),
    ]
    for change, error, message in cases:
        path.write_text(json.dumps(config | change))
        with pytest.raises(error, match=message) as caught:
            load_pipeline("tiny-sd", adapter=folder, hub=hub, device="cpu")
        assert "\n" not in str(caught.value)
    path.write_text(json.dumps(config))
    from safetensors.torch import load_file, save_file

    weights = folder / "tiny-sd" / FOLDER / "model.safetensors"
    tensors = load_file(weights)
    tensors.pop("model.encoder.layers.0.fc1.weight")
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(WeightsDoNotFit, match=r"fc1\.weight"):
        load_pipeline("tiny-sd", adapter=folder, hub=hub, device="cpu")
    weights.unlink()
    with pytest.raises(DamagedFile, match="cannot be loaded"):
        load_pipeline("tiny-sd", adapter=folder, hub=hub, device="cpu")
    with pytest.raises(DoesNotFit, match="cannot translate"):
        wrap(encoder_folder, tmp_path / "x", base="tiny-sd", languages=("yo",), hub=hub)
