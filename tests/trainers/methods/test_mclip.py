"""mCLIP: its losses against plain arithmetic, in chunks and whole, and retrieval with the trained projectors."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from hub import load_retriever
from hub.encoders.dual_encoder import DualEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit, HubError, InvalidRequest
from hub.loader import load_pipeline
from hub.local import LocalHub
from hub.systems.mclip.projectors import LOG_SCALE, Triangle
from tests.builders.training.commands import DUAL, json_of, run
from tests.builders.training.losses import golden_losses, plain_contrast, some_draw
from trainers.cli import evaluate, train
from trainers.evaluation.recall import distinct_rank, first_of_own, rounded_share
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.learners.contrast import in_chunks, symmetric_contrast
from trainers.loop.loop import train as run_loop
from trainers.loop.recipe import Recipe
from trainers.methods import get_plan
from trainers.methods.mclip import TriangleDistillation, trim

GOLDEN = [1.841260, 1.516711, 1.425756, 1.386197]


@pytest.fixture(scope="session")
def pairs(
    corpus: Any, judge_folder: Path, encoder: TextEncoder, tmp_path_factory: pytest.TempPathFactory
) -> FeatureDataset:
    """Yoruba, Swahili and English texts with images; the base is a dual encoder."""
    dual: Any = DualEncoder.from_folder(judge_folder, dtype=torch.float32)
    store = Store(tmp_path_factory.mktemp("caches"), "d", "e", quiet=True)
    return collect_features(corpus, Mixture(("yo", "sw")), dual, encoder, length=8, store=store)


def triangle(features: FeatureDataset, seed: int = 0, dropout: float = 0.0) -> Triangle:
    torch.manual_seed(seed)
    return Triangle(features.encoder.width, features.base.width, heads=2, dropout=dropout)


@pytest.mark.parametrize("group", [[0, 1, 2, 3, 4], [0, 1, 0, 2, 1]])
@pytest.mark.parametrize("rows", [0, 2])
def test_symmetric_contrast_is_that_of_the_formula(group: list[int], rows: int) -> None:
    x, y = torch.randn(5, 7), torch.randn(5, 7)
    found = symmetric_contrast(x, y, 14.3, torch.tensor(group), rows=rows)
    assert found.item() == pytest.approx(plain_contrast(x, y, 14.3, group), rel=1e-5)


def test_the_loss_is_contrast_with_images_plus_a_tenth_of_that_with_english_captions(pairs: FeatureDataset) -> None:
    module = triangle(pairs)
    draw = some_draw(count=20)
    found = TriangleDistillation(module, pairs).loss(draw)
    states, mask = pairs.encoder_states(draw.indices_B)
    meaning = pairs.meaning_N[draw.indices_B]
    text = module.texts(states, mask)
    image, caption = module.features(pairs.images_MP[meaning]), module.features(pairs.captions_MP[meaning])
    english = [place for place, row in enumerate(draw.indices_B.tolist()) if pairs.languages_N[row] == "en"]
    itc = plain_contrast(text.detach(), image.detach(), 1 / 0.07, meaning.tolist())
    ttc = (
        plain_contrast(text[english].detach(), caption[english].detach(), LOG_SCALE, meaning[english].tolist())
        if english
        else 0.0
    )
    assert found.total.item() == pytest.approx(itc + 0.1 * ttc, rel=1e-4)


def test_only_english_texts_are_contrasted_with_english_captions(pairs: FeatureDataset) -> None:
    rows = {tag: [row for row, each in enumerate(pairs.languages_N) if each == tag][:6] for tag in ("yo", "en")}
    for tag, is_contrasted in (("yo", False), ("en", True)):
        draw = some_draw()
        draw = type(draw)(draw.step, torch.tensor(rows[tag]), draw.generator)
        parts = TriangleDistillation(triangle(pairs), pairs).loss(draw).parts
        assert (parts["ttc"].item() > 0) is is_contrasted


def test_the_scale_of_captions_is_the_published_one_unless_another_is_asked_for(pairs: FeatureDataset) -> None:
    module = triangle(pairs)
    rows = torch.tensor([row for row, tag in enumerate(pairs.languages_N) if tag == "en"][:8])
    draws = [type(some_draw())(0, rows, some_draw().generator) for _ in range(2)]
    published = TriangleDistillation(module, pairs).loss(draws[0]).parts["ttc"].item()
    meant = TriangleDistillation(module, pairs, ttc_scale=math.exp(LOG_SCALE)).loss(draws[1]).parts["ttc"].item()
    text = module.texts(*pairs.encoder_states(rows)).detach()
    caption = module.features(pairs.captions_MP[pairs.meaning_N[rows]]).detach()
    meaning = pairs.meaning_N[rows].tolist()
    assert published == pytest.approx(plain_contrast(text, caption, math.log(1 / 0.07), meaning), rel=1e-4)
    assert meant == pytest.approx(plain_contrast(text, caption, 1 / 0.07, meaning), rel=1e-4)


def test_chunks_have_the_gradients_of_one_piece(pairs: FeatureDataset) -> None:
    whole, pieces = triangle(pairs), triangle(pairs)
    TriangleDistillation(whole, pairs).loss(some_draw(count=20)).total.backward()
    TriangleDistillation(pieces, pairs, rows=3).loss(some_draw(count=20)).total.backward()
    for (name, one), (_, other) in zip(whole.named_parameters(), pieces.named_parameters(), strict=True):
        assert one.grad is not None, name
        assert torch.allclose(one.grad, other.grad, atol=1e-6, rtol=1e-4), name  # sums in another order


def test_chunks_are_computed_again_with_the_dropout_they_had() -> None:
    layer = torch.nn.Sequential(torch.nn.Linear(4, 4, bias=False), torch.nn.Dropout(0.5))
    given = torch.randn(6, 4)
    torch.manual_seed(3)
    answer = in_chunks(layer, 2, given)
    answer.sum().backward()
    kept = (answer != 0).double() * 2  # what a weight's gradient sees of each row
    expected = kept.T @ given.double()
    assert torch.allclose(layer[0].weight.grad.double(), expected, atol=1e-5)


def test_dropout_follows_the_draw_and_leaves_the_global_generator_alone(pairs: FeatureDataset) -> None:
    module = triangle(pairs, dropout=0.3).train()
    torch.manual_seed(1)
    first = TriangleDistillation(module, pairs).loss(some_draw()).total.item()
    after = torch.rand(1).item()
    torch.manual_seed(2)
    assert TriangleDistillation(module, pairs).loss(some_draw()).total.item() == first
    torch.manual_seed(1)
    assert torch.rand(1).item() == after


def test_the_side_of_padding_makes_no_difference(pairs: FeatureDataset) -> None:
    module = triangle(pairs).eval()
    states, mask = pairs.encoder_states(torch.arange(1, 6))
    count = mask.sum(1).tolist()
    left = torch.stack([row.roll(8 - n, 0) for row, n in zip(states, count, strict=True)])
    left_mask = torch.stack([row.roll(8 - n, 0) for row, n in zip(mask, count, strict=True)])
    expected = module.texts(states, mask)
    assert torch.allclose(module.texts(left, left_mask), expected, atol=1e-5)
    for some, some_mask in ((states, mask), (left, left_mask)):
        assert torch.allclose(module.texts(*trim(some, some_mask, max(count))), expected, atol=1e-5)


def test_the_first_four_losses_are_as_recorded(pairs: FeatureDataset) -> None:
    method = TriangleDistillation(triangle(pairs, seed=4), pairs)
    assert golden_losses(method) == pytest.approx(GOLDEN, rel=2e-3)


def test_nothing_frozen_is_touched(pairs: FeatureDataset) -> None:
    before = copy.deepcopy(pairs.base.model.state_dict())
    method = TriangleDistillation(triangle(pairs), pairs)
    method.loss(some_draw(count=20)).total.backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in method.module.parameters())
    assert all(torch.equal(value, before[key]) for key, value in pairs.base.model.state_dict().items())


def test_trained_projectors_find_the_right_image(pairs: FeatureDataset, corpus: Any, tmp_path: Path) -> None:
    module = triangle(pairs)
    recipe = Recipe(steps=300, batch_size=24, learning_rate=3e-3, warmup_steps=5, precision="no", seed=1)
    run_loop(TriangleDistillation(module, pairs), recipe, tmp_path, quiet=True)
    prompts = corpus.prompts("yo", "seen")
    text = module.eval().texts(*pairs.encoder.encode([each.text for each in prompts], 8))
    image = module.features(pairs.base.image_features(corpus.images([each.concept for each in prompts])))
    cosine = torch.nn.functional.normalize(text, dim=1) @ torch.nn.functional.normalize(image, dim=1).T
    assert (cosine.argmax(1) == torch.arange(len(prompts))).float().mean() >= 0.8  # of ten; chance is one


@pytest.mark.parametrize("method", ["mclip", "mclip+"])
def test_a_retriever_is_published_found_loaded_measured_and_searches(
    method: str, hub: LocalHub, corpus: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = json_of(capsys, train, method, "--lang", "yo", *DUAL, "--steps", "30", "--push", "--n", "4")
    name = {"mclip": "mclip-yo", "mclip+": "mclip-plus-yo"}[method]
    found = hub.registry.get(name)
    assert (found.kind, found.method, found.bases) == ("projector", method, ("emoji-judge",))
    metrics = {(score.metric, score.language, score.split) for score in found.scores}
    for way in ("text_to_image", "image_to_text"):
        assert (f"{way}_recall_at_1", "yo", "pairs") in metrics
        assert (f"base_alone_{way}_recall_at_10", "en", "seen") in metrics
    config = json.loads((Path(outcome["folder"]) / "emoji-judge" / "config.json").read_text())
    assert config["conditioning"] == {"width": 24, "length": 1, "pooled_width": None, "mask": False}
    retriever = load_retriever("emoji-judge", adapter=name, hub=hub, device="cpu")
    words = list(corpus.images.__globals__["WORDS"])
    retriever.index(corpus.images(words), keys=words)
    hits = retriever.search("ajá", k=3)
    cosines = retriever.embed_texts(["ajá"]) @ retriever.embed_images(corpus.images(words)).T
    assert hits[0].key == words[cosines.argmax()]
    assert hits[0].score == pytest.approx(cosines.max().item(), abs=1e-6)
    assert len(hits) == 3 and hits[0].score >= hits[1].score >= hits[2].score
    scores = json_of(capsys, evaluate, name, "--corpus", "toy", "--benchmark", "emoji-retrieval-mclip", "--lang", "yo")
    assert [score["metric"] for score in scores][:1] == ["text_to_image_recall_at_1"]


def test_only_english_pairs_are_trained_on_unless_multilingual_ones_are_requested() -> None:
    assert get_plan("mclip").english_only
    assert not get_plan("mclip+").english_only


def test_a_dual_encoder_alone_can_be_evaluated_and_searched(
    hub: LocalHub, corpus: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = json_of(capsys, evaluate, "emoji-judge", "--corpus", "toy", "--lang", "yo")
    assert [score["metric"] for score in scores][:3] == [f"text_to_image_recall_at_{k}" for k in (1, 5, 10)]
    retriever = load_retriever("emoji-judge", hub=hub, device="cpu")
    assert torch.allclose(retriever.embed_texts(["dog"]).norm(dim=1), torch.ones(1), atol=1e-5)
    with pytest.raises(InvalidRequest, match="the index is empty"):
        retriever.search("dog")


@pytest.mark.parametrize(
    ("method", "base", "message"),
    [
        ("mclip", "tiny-sd", "of kind base, not an encoder"),
        ("mclip", "tiny-xlmr", "cannot encode images"),
        ("mulan", "emoji-judge", "not a base"),
    ],
)
def test_a_base_of_the_wrong_kind_is_refused_in_one_line(method: str, base: str, message: str, hub: LocalHub) -> None:
    with pytest.raises(HubError, match=message) as caught:
        run(train, method, "--lang", "yo", "--base", base, "--encoder", "tiny-xlmr", "--corpus", "toy", "--steps", "2")
    assert "\n" not in str(caught.value) and caught.value.exit_code == 2


def test_misfits_are_refused_in_one_line_before_a_weight_is_read(
    hub: LocalHub, base_folder: Path, judge_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = json_of(capsys, train, "mclip", "--lang", "yo", *DUAL, "--steps", "2", "--no-evaluate")
    folder = Path(outcome["folder"])
    with pytest.raises(DoesNotFit, match="no variant for `tiny-judge`, only for `emoji-judge`"):
        load_retriever(judge_folder, adapter=folder, hub=hub)
    with pytest.raises(DoesNotFit, match="only for `emoji-judge`"):
        load_pipeline("tiny-sd", adapter=folder, hub=hub)
    with pytest.raises(InvalidRequest, match="not a dual encoder"):
        load_retriever("tiny-sd", adapter=folder, hub=hub)
    path = folder / "emoji-judge" / "config.json"
    config = json.loads(path.read_text())
    for change, message in (
        ({"base": {"name": "linguahub/emoji-judge", "digest": "f" * 64}}, "trained on the dual encoder"),
        ({"architecture": "resampler"}, "is not for retrieval"),
        ({"module": config["module"] | {"feature_width": 5}}, "features of width 5"),
    ):
        path.write_text(json.dumps(config | change))
        with pytest.raises(DoesNotFit, match=message) as caught:
            load_retriever("emoji-judge", adapter=folder, hub=hub)
        assert "\n" not in str(caught.value)


def test_an_image_with_several_texts_is_ranked_by_both_protocols() -> None:
    image_of = torch.tensor([0, 0, 1, 1, 2])
    captions = torch.nn.functional.normalize(
        torch.tensor([[1.0, 0.2], [0.9, 0.3], [0.95, 0.25], [0, 1], [0.1, 1]]), dim=1
    )
    query = captions[2:3]  # image 1: its own text first, then two of image 0
    own = first_of_own(query, captions, torch.tensor([1]), image_of)
    assert own.tolist() == [0]
    query = torch.nn.functional.normalize(torch.tensor([[1.0, 0.23]]), dim=1)  # two texts of 0 may precede 1's
    scores = (query @ captions.T)[0]
    order = scores.argsort(descending=True).tolist()
    distinct = list(dict.fromkeys(image_of[order].tolist()))
    for image in range(3):
        assert distinct_rank(query, captions, torch.tensor([image]), image_of).item() == distinct.index(image)
        first = next(place for place, row in enumerate(order) if image_of[row] == image)
        assert first_of_own(query, captions, torch.tensor([image]), image_of).item() == first
    assert rounded_share(torch.tensor([0, 0, 3]), 1) == 0.667
