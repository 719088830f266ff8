"""Native rows, whose captions are not translations, and rows whose images cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hub.bases.frozen import FrozenBase
from hub.cli.commands import as_command
from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.local import LocalHub
from tests.builders.training.captions import Rows, as_folder, image, opened
from tests.builders.training.toy import WORDS
from trainers.check_corpus import compares_with_english
from trainers.cli import train
from trainers.corpora.columns import Columns
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.loop.method import Draw
from trainers.loop.sampler import generator_of
from trainers.methods import METHODS, get_plan
from trainers.objectives.hybrid_distillation import HybridDistillation

COLUMNS = Columns("", (("en", "en"), ("yo", "yo"), ("sw", "sw")), held_out_share=0.0, native="culture")
MARKS: dict[str, Any] = {"dog": True, "cat": "yo", "fish": "Swahili", "bird": "0", "sun": 1}
"""The others are not marked; `star` has no English."""


def rows() -> Rows:
    return [
        {"en": "" if word == "star" else word, "yo": yoruba, "sw": swahili, "culture": MARKS.get(word)}
        for word, (yoruba, swahili) in WORDS.items()
    ]


def collected(place: Path, base: FrozenBase, encoder: TextEncoder) -> FeatureDataset:
    store, mixture = Store(place.parent / "caches", "b", "e", quiet=True), Mixture(("yo", "sw"), 0.25)
    return collect_features(opened(place, COLUMNS), mixture, base, encoder, length=8, store=store)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return as_folder(tmp_path / "own", rows(), [image(n) for n in range(len(WORDS))])


def native_texts(features: FeatureDataset) -> set[tuple[str, str]]:
    places = features.native_N.nonzero().flatten().tolist()
    return {(features.languages_N[place], features.texts_N[place]) for place in places}


def test_a_column_marks_rows_as_native_in_all_languages_or_in_one_and_rows_without_english_are_native(
    place: Path, base: FrozenBase, encoder: TextEncoder
) -> None:
    features = collected(place, base, encoder)
    expected = {("yo", WORDS[word][0]) for word in ("dog", "sun", "cat", "star")}
    expected |= {("sw", WORDS[word][1]) for word in ("dog", "sun", "fish", "star")}
    assert native_texts(features) == expected
    assert "yo: 12 captions; 0 missing or empty, 0 duplicates left out, 4 native." in opened(place, COLUMNS).report()[2]


def test_a_text_keeps_the_meaning_and_image_of_its_row(place: Path, base: FrozenBase, encoder: TextEncoder) -> None:
    features = collected(place, base, encoder)
    assert len(features.english_M) == len(features.concept_M) == 13
    words = {yoruba: word for word, (yoruba, _) in WORDS.items()}
    for row in range(1, len(features.texts_N)):
        if features.languages_N[row] == "yo":
            word = words[features.texts_N[row]]
            meaning = int(features.meaning_N[row])
            assert features.english_M[meaning] == ("" if word == "star" else word)
            assert features.concept_M[meaning] == f"own/{[*WORDS].index(word)}.png"


def test_native_texts_are_left_out_where_a_loss_compares_with_english_and_languages_keep_their_shares(
    place: Path, base: FrozenBase, encoder: TextEncoder
) -> None:
    features = collected(place, base, encoder)
    assert features.weights_N[1:].all()
    assert not features.translated_weights_N[features.native_N].any()
    assert features.translated_weights_N[1:][~features.native_N[1:]].all()
    for weights in (features.weights_N, features.translated_weights_N):
        english = sum(w for w, tag in zip(weights.tolist(), features.languages_N, strict=True) if tag == "en")
        assert (english, float(weights.sum())) == pytest.approx((0.25, 1))


def test_the_hybrid_loss_denoises_native_texts_and_distils_translated_ones(
    place: Path, base: FrozenBase, encoder: TextEncoder
) -> None:
    features = collected(place, base, encoder)
    method = HybridDistillation(get_plan("pea").learner(base, encoder).module, features, empty_share=0.0)
    assert method.example_weights is features.weights_N
    native = features.native_N.nonzero().flatten()
    translated = (~features.native_N).nonzero().flatten()[1:]
    for rows_B, present, absent in ((native, "denoising", "logits"), (translated, "logits", "denoising")):
        loss = method.loss(Draw(0, rows_B, generator_of(1, "noise", 0, 0)))
        assert loss.parts[present] > 0
        assert loss.parts[absent] == 0
        assert loss.total.isfinite()


def test_losses_that_need_no_english_are_those_through_the_denoiser_alone() -> None:
    phases = {
        (name, phase.name) for name in METHODS for phase in get_plan(name).phases if not compares_with_english(phase)
    }
    assert {("mulan", "denoise"), ("pea", "hybrid"), ("lora", "denoise"), ("full", "everything")} <= phases
    assert not phases & {("iap", "attention"), ("token-kd", "distil"), ("translate", "translate"), ("mclip", "align")}


def test_a_column_of_native_rows_with_another_value_is_refused(place: Path) -> None:
    lines = place.joinpath("metadata.jsonl").read_text().replace('"Swahili"', '"perhaps"')
    place.joinpath("metadata.jsonl").write_text(lines)
    with pytest.raises(InvalidRequest, match="`culture` of own/2.png is `perhaps`: a column of native rows has true"):
        opened(place, COLUMNS)
    with pytest.raises(InvalidRequest, match="no column `native`.*--native-column"):
        opened(place, Columns("", COLUMNS.captions, native="native"))


def test_texts_of_an_unreadable_image_are_left_out_once_it_was_encoded_also_of_the_next_run(
    tmp_path: Path, base: FrozenBase, encoder: TextEncoder
) -> None:
    captions = [{"en": f"star {n}", "yo": f"irawo {n}", "sw": f"nyota {n}", "culture": ""} for n in range(120)]
    images = [image(n % 50, (8, 8)) for n in range(120)]
    images[7] = b"no image"
    place = as_folder(tmp_path / "own", captions, images)
    for _ in range(2):
        features = collected(place, base, encoder)
        features.fill(["latents"])
        left_out = [features.texts_N[row] for row in (features.weights_N[1:] == 0).nonzero().flatten() + 1]
        assert left_out == ["irawo 7", "nyota 7", "star 7"]
        assert torch.equal(features.weights_N, features.translated_weights_N)


def arguments(place: Path, *more: str) -> list[str]:
    found = ["pea", "--lang", "yo", "--base", "tiny-sd", "--encoder", "tiny-xlmr", "--corpus", str(place)]
    found += ["--caption-column", "en=en", "--caption-column", "yo=yo", "--native-column", "culture"]
    return [*found, "--held-out-share", "0", "--steps", "4", "--device", "cpu", "--no-evaluate", "--json", *more]


def test_native_rows_are_trained_on_from_the_command_line_and_the_card_repeats_it(
    hub: LocalHub, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_command("train", train).main(args=arguments(place), standalone_mode=False)
    outcome = json.loads(capsys.readouterr().out)
    assert torch.isfinite(torch.tensor(list(outcome["losses"]["hybrid"].values()))).all()
    assert "--native-column culture" in (Path(outcome["folder"]) / "README.md").read_text()


def test_native_rows_alone_are_refused_in_one_line_where_a_phase_compares_with_english(
    hub: LocalHub, tmp_path: Path
) -> None:
    marked = [{**row, "en": row["en"] or "star", "culture": "yes"} for row in rows()]
    place = as_folder(tmp_path / "own", marked, [image(n) for n in range(len(WORDS))])
    with pytest.raises(InvalidRequest, match=r"phase `distil` of `pea` compares.*are native") as caught:
        as_command("train", train).main(args=arguments(place, "--english-share", "0"), standalone_mode=False)
    assert "\n" not in str(caught.value)
    recipe = tmp_path / "native.yaml"
    recipe.write_text("method: pea\nphases:\n  hybrid: {}\n")
    more = ("--english-share", "0", "--recipe", str(recipe))
    as_command("train", train).main(args=arguments(place, *more), standalone_mode=False)
