"""AltCLIP's contrastive stage: its loss against plain arithmetic, what it trains, and that it runs only if it is named."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from hub.encoders.dual_encoder import DualEncoder
from hub.errors import DoesNotFit, InvalidRequest
from hub.local import LocalHub
from tests.builders.training.commands import TINY, json_of, run
from tests.builders.training.losses import golden_losses, plain_contrast, some_draw
from trainers.cli import train
from trainers.inputs.feature_cache import list_cached
from trainers.inputs.features import FeatureDataset
from trainers.learners.student import Student
from trainers.loop.loop import train as run_loop
from trainers.loop.recipe import Recipe
from trainers.methods import get_plan
from trainers.methods.altdiffusion import ImageTextContrast
from trainers.recipes.overrides import Overrides

GOLDEN = {
    "first": [1.393779, 1.877471, 1.569821, 1.449878],
    "end": [1.393029, 1.942390, 1.519521, 1.394478],
}
NAMED = ("--set", "contrastive.steps=3", "--set", "contrastive.vision=emoji-judge")


@pytest.fixture(scope="session")
def looking(features: FeatureDataset, judge_folder: Path) -> FeatureDataset:
    """The feature dataset with a dual encoder whose text width is the base's."""
    dual = DualEncoder.from_folder(judge_folder, dtype=torch.float32)
    return replace(features, vision=dual, store=replace(features.store, vision_digest="v"))


def student(features: FeatureDataset, seed: int = 0) -> Student:
    torch.manual_seed(seed)
    return Student(features.encoder, features.base)


@pytest.mark.parametrize("state", ["first", "end"])
def test_it_is_infonce_between_the_projected_pooled_state_and_the_features_of_the_image(
    looking: FeatureDataset, state: str
) -> None:
    reader = student(looking)
    draw = replace(some_draw(), indices_B=torch.tensor([1, 2, 3, 11, 12, 25]))
    found = ImageTextContrast(reader, looking, state=state).loss(draw).total
    dual = looking.vision
    assert dual is not None
    texts, images, meanings = [], [], []
    for row in draw.indices_B.tolist():
        meaning = int(looking.meaning_N[row])
        english = looking.base.tokenize([looking.english_M[meaning]])[0].tolist()
        place = 0 if state == "first" else english.index(looking.base.end_id)
        states_SC = reader.read(looking, torch.tensor([row])).tokens_BLC[0]
        texts.append(dual.model.text_projection.weight.double() @ states_SC[place].double())
        images.append(dual.image_features(looking.corpus.images([looking.concept_M[meaning]]))[0])
        meanings.append(meaning)
    assert len(set(meanings)) < len(meanings), "two texts share an image"
    scale = dual.model.logit_scale.double().exp().item()
    expected = plain_contrast(torch.stack(texts), torch.stack(images), scale, meanings)
    # Features of images are kept in fp16.
    assert found.item() == pytest.approx(expected, rel=2e-3)


def test_logits_in_rows_are_those_in_one_piece(looking: FeatureDataset) -> None:
    reader = student(looking)
    whole, rows = (ImageTextContrast(reader, looking, rows=rows).loss(some_draw()).total for rows in (0, 2))
    assert rows.item() == pytest.approx(whole.item(), rel=1e-6)


@pytest.mark.parametrize("state", GOLDEN)
def test_the_first_four_losses_are_as_recorded(looking: FeatureDataset, state: str) -> None:
    method = ImageTextContrast(student(looking, seed=4), looking, state=state)
    assert golden_losses(method) == pytest.approx(GOLDEN[state], rel=2e-3)


def test_only_the_text_part_is_trained_and_the_dual_encoder_is_unchanged(
    looking: FeatureDataset, tmp_path: Path
) -> None:
    assert looking.vision is not None
    dual: nn.Module = looking.vision.model
    before = copy.deepcopy(dual.state_dict())
    reader = Student(looking.encoder, looking.base, with_denoiser=True)
    old = copy.deepcopy(dict(reader.named_parameters()))
    recipe = Recipe(steps=2, batch_size=8, learning_rate=1e-2, warmup_steps=1, weight_decay=0.0, precision="no")
    run_loop(ImageTextContrast(reader, looking), recipe, tmp_path, quiet=True)
    for name, value in reader.named_parameters():
        assert torch.equal(value, old[name]) == name.startswith("denoiser."), name
    assert all(torch.equal(value, before[name]) for name, value in dual.state_dict().items())


def test_it_runs_between_teaching_and_alignment_where_it_is_named_and_not_by_default() -> None:
    plan = get_plan("altdiffusion")
    assert [phase.name for phase in Overrides().apply(plan, what="").phases] == ["teach", "concept", "quality"]
    named = Overrides().with_sets(["contrastive.steps=7"]).apply(plan, what="")
    assert [phase.name for phase in named.phases] == ["teach", "contrastive", "concept", "quality"]
    assert "images" in named.needs
    alone = Overrides(only=("teach", "contrastive")).apply(plan, what="")
    assert [phase.name for phase in alone.phases] == ["teach", "contrastive"]
    with pytest.raises(InvalidRequest, match="phase `contrastive` does not run, so it cannot be configured"):
        Overrides(only=("teach",)).with_sets(["contrastive.steps=7"]).apply(plan, what="recipe mine.yaml")


def test_it_is_trained_resumed_and_recorded_in_the_artifact(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("altdiffusion", "--lang", "yo", *TINY, "--no-evaluate")
    outcome = json_of(capsys, train, *arguments, *NAMED)
    assert list(outcome["losses"]) == ["teach", "contrastive", "concept", "quality"]
    folder = Path(outcome["folder"])
    (config,) = (json.loads(path.read_text()) for path in folder.glob("*/config.json"))
    assert config["run"]["vision"]["name"] == "linguahub/emoji-judge"
    assert "features of images" in {cache.label for cache in list_cached(hub.home.caches)}
    place = folder.parent / "1-contrastive"
    before = load_file(place / "module.safetensors")
    (place / "finished.json").unlink()
    run(train, *arguments, *NAMED, "--resume")
    after = load_file(place / "module.safetensors")
    assert all(torch.equal(after[name], value) for name, value in before.items())
    plain = json_of(capsys, train, *arguments, "--name", "plain")
    (config,) = (json.loads(path.read_text()) for path in Path(plain["folder"]).glob("*/config.json"))
    assert "vision" not in config["run"]


def test_a_dual_encoder_that_does_not_fit_is_refused_in_one_line(
    looking: FeatureDataset, hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert looking.vision is not None
    other = copy.deepcopy(looking.vision.model)
    other.text_projection = nn.Linear(20, 12, bias=False)
    wide = replace(looking, vision=replace(looking.vision, model=other))
    with pytest.raises(
        DoesNotFit, match="`wide` projects text states of width 20, but the base uses states of width 16"
    ):
        ImageTextContrast(student(looking), wide, vision="wide")
    with pytest.raises(InvalidRequest, match="`state` must be first or end, not 'last'"):
        ImageTextContrast(student(looking), looking, state="last")
    wide.vision.model.config.text_config.hidden_size = 20
    wide.vision.model.config.save_pretrained(tmp_path / "wide")
    monkeypatch.setattr("trainers.run.open_corpus", lambda *_: pytest.fail("something is opened"))
    with pytest.raises(
        DoesNotFit, match="`wide` projects text states of width 20, but the base uses states of width 16"
    ):
        run(train, "altdiffusion", "--lang", "yo", *TINY, "--set", f"contrastive.vision={tmp_path / 'wide'}")
    with pytest.raises(InvalidRequest, match="`tiny-xlmr` cannot encode images"):
        run(train, "altdiffusion", "--lang", "yo", *TINY, "--set", "contrastive.vision=tiny-xlmr")
    assert not list(hub.home.runs.glob("*"))
