"""Losses of methods with a `TextReader`, against plain float64 arithmetic; what they train, and what stays frozen."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from hub.embeddings import Embeddings
from hub.errors import DoesNotFit
from tests.builders.training.losses import golden_losses, some_draw
from trainers.inputs.features import FeatureDataset
from trainers.learners.low_rank import extract_lora
from trainers.learners.student import Student
from trainers.learners.text_reader import TextReader, everything, set_trainable, text
from trainers.learners.tuned_base import TunedBase
from trainers.loop.loop import train
from trainers.loop.method import Method
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import generator_of
from trainers.methods import get_plan
from trainers.methods.altdiffusion import ConceptAlignment, Quality
from trainers.methods.full import FullTuning
from trainers.methods.iap import AttentionMatching, distance, weights_of
from trainers.methods.prompt_tuning import VirtualPrompt
from trainers.objectives.hybrid_distillation import HybridDistillation
from trainers.objectives.noise import outputs_of
from trainers.objectives.reader_tuning import DenoiserTuning, TeacherLearning, contrast
from trainers.recipes.overrides import Overrides

MakeReader = Callable[[FeatureDataset], TextReader]


def student(features: FeatureDataset) -> Student:
    return Student(features.encoder, features.base)


def with_denoiser(features: FeatureDataset) -> Student:
    return Student(features.encoder, features.base, with_denoiser=True)


def tuned(features: FeatureDataset) -> TunedBase:
    return TunedBase(features.base, 2, in_text_encoder=True, in_denoiser=True)


METHODS: dict[str, tuple[MakeReader, Callable[[TextReader, FeatureDataset], Method]]] = {
    "pooled": (student, TeacherLearning),
    "contrast": (student, partial(TeacherLearning, loss="contrast")),
    "token": (student, partial(TeacherLearning, match="token")),
    "iap": (student, AttentionMatching),
    "concept": (with_denoiser, ConceptAlignment),
    "quality": (with_denoiser, Quality),
    "full": (with_denoiser, FullTuning),
    "lora": (tuned, partial(DenoiserTuning, trainable=everything)),
    "prompt-tuning": (lambda features: VirtualPrompt(features.base, 2), partial(TeacherLearning, match="token")),
}
GOLDEN = {
    "pooled": [1.092815, 0.801963, 0.522794, 0.611190],
    "contrast": [6.672066, 10.671793, 9.214289, 2.191799],
    "token": [4.481322, 3.169758, 2.367313, 2.930409],
    "iap": [0.251495, 0.146556, 0.134307, 0.212226],
    "concept": [0.355836, 0.364082, 0.476326, 0.703125],
    "quality": [0.355836, 0.305646, 0.415510, 0.587231],
    "full": [0.355836, 0.304979, 0.419084, 0.595491],
    "lora": [0.356873, 0.371820, 0.478896, 0.704855],
    "prompt-tuning": [3.506724, 2.356710, 2.570840, 3.073808],
}
"""Losses of the first four updates; a change of any of them is a change of results."""


def made(name: str, features: FeatureDataset, seed: int = 0) -> Method:
    make_reader, make_method = METHODS[name]
    torch.manual_seed(seed)
    return make_method(make_reader(features), features)


def test_pooled_teacher_learning_compares_the_first_state_with_the_one_at_the_end_token(
    features: FeatureDataset,
) -> None:
    reader = student(features)
    found = TeacherLearning(reader, features, empty_share=0.0).loss(some_draw()).total
    expected = 0.0
    for row in range(1, 7):
        meaning = int(features.meaning_N[row])
        end = features.base.tokenize([features.english_M[meaning]])[0].tolist().index(features.base.end_id)
        ours = reader.read(features, torch.tensor([row])).tokens_BLC[0, 0].double()
        expected += ((ours - features.teacher_tokens(torch.tensor([row]))[0, end].double()) ** 2).mean().item() / 6
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_token_teacher_learning_is_the_token_distillation_of_the_states_it_reads(features: FeatureDataset) -> None:
    reader = student(features)
    found = TeacherLearning(reader, features, match="token", empty_share=0.0).loss(some_draw()).total
    rows = torch.arange(1, 7)
    ours, theirs = reader.read(features, rows).tokens_BLC.double(), features.teacher_tokens(rows).double()
    everything = features.teacher_sample().tokens_BLC.double()
    mse = (((ours - theirs) / everything.flatten(0, 1).std(0)) ** 2).mean()
    a, b = (x.mean(1) - everything.mean((0, 1)) for x in (ours, theirs))
    cosine = (1 - torch.nn.functional.cosine_similarity(a, b)).mean()
    assert found.item() == pytest.approx((mse + cosine).item(), rel=1e-4)


def test_contrast_does_not_use_texts_of_the_same_meaning_as_negatives() -> None:
    ours, theirs, meaning = torch.randn(4, 5), torch.randn(4, 5), torch.tensor([7, 8, 7, 9])
    expected = 0.0
    for place in range(4):
        a = ours[place].double() / ours[place].double().norm()
        similarity = torch.stack([a @ (b.double() / b.double().norm()) for b in theirs]) / 0.1
        counts = [other for other in range(4) if other == place or meaning[other] != meaning[place]]
        expected -= (similarity[place] - similarity[counts].logsumexp(0)).item() / 4
    assert contrast(ours, theirs, meaning, 0.1).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("metric", ["mse", "cosine"])
def test_iap_sums_the_distances_of_weighted_cross_attention_outputs(features: FeatureDataset, metric: str) -> None:
    reader, base = student(features), features.base
    layers = {"down_blocks": 0.5, "up_blocks": 2.0}
    method = AttentionMatching(reader, features, layers=layers, metric=metric, empty_share=0.0)
    found = method.loss(some_draw()).total
    generator, rows = generator_of(1, "noise", 0, 0), torch.arange(1, 7)
    torch.rand(6, generator=generator)  # what decides which texts are emptied
    latents = features.latents(rows)
    noise = torch.randn(latents.shape, generator=generator)
    steps = torch.randint(0, 1000, (6,), generator=generator)
    add_noise = base.add_noise(latents, noise, steps)
    outputs = []
    for states in (reader.read(features, rows).tokens_BLC, features.teacher_tokens(rows)):
        with outputs_of(base.attentions) as collected:
            base.denoiser(add_noise, steps, encoder_hidden_states=states)
        outputs.append({name: value.double() for name, value in collected.items()})
    expected = 0.0
    for name, ours in outputs[0].items():
        theirs, weight = outputs[1][name], 0.5 if name.startswith("down") else 2.0 if name.startswith("up") else 0.0
        if metric == "mse":
            expected += weight * ((ours - theirs) ** 2).mean().item()
        else:
            cosine = (ours * theirs).sum(-1) / (ours.norm(dim=-1) * theirs.norm(dim=-1))
            expected += weight * (1 - cosine).mean().item()
    assert len(outputs[0]) == len([name for name, _ in base.denoiser.named_modules() if name.endswith("attn2")]) > 2
    assert found.item() == pytest.approx(expected, rel=1e-3)


def test_iap_of_a_text_with_the_states_of_its_english_is_zero(features: FeatureDataset) -> None:
    class English(TextReader):
        def read(self, features: FeatureDataset, rows_B: torch.Tensor) -> Embeddings:
            return features.teacher_embeddings(rows_B)

        def text_parts(self) -> list[nn.Parameter]:
            return [nn.Parameter(torch.zeros(()))]

    assert AttentionMatching(English(), features).loss(some_draw()).total.item() == 0.0
    states = torch.randn(2, 3, 4)
    assert distance(states, 2 * states, "cosine").item() == pytest.approx(0, abs=1e-6)


def test_iap_uses_the_weight_of_the_longest_prefix_and_refuses_unknown_layers(features: FeatureDataset) -> None:
    found = weights_of(features.base.attentions, {"": 1.0, "up_blocks": 3.0})
    assert {name.partition(".")[0]: weight for name, weight in found.items()} == {
        "down_blocks": 1.0, "mid_block": 1.0, "up_blocks": 3.0,
    }  # fmt: skip
    with pytest.raises(DoesNotFit, match="no attention layer starts with `middle`"):
        weights_of(features.base.attentions, {"middle": 1.0})


def test_denoiser_tuning_is_the_mse_of_the_bases_velocity_by_its_own_denoiser(features: FeatureDataset) -> None:
    reader = with_denoiser(features)
    with torch.no_grad():
        for parameter in reader.denoiser.parameters():
            parameter.mul_(1.1)
    found = Quality(reader, features, empty_share=0.0).loss(some_draw()).total
    generator, rows = generator_of(1, "noise", 0, 0), torch.arange(1, 7)
    torch.rand(6, generator=generator)  # what decides which texts are emptied
    latents = features.latents(rows)
    noise = torch.randn(latents.shape, generator=generator)
    steps = torch.randint(0, 1000, (6,), generator=generator)
    alpha = features.base.schedule.alphas_cumprod[steps].double()[:, None, None, None]
    add_noise = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    prediction = reader.denoiser(
        add_noise.float(), steps, encoder_hidden_states=reader.read(features, rows).tokens_BLC
    ).sample.double()
    assert found.item() == pytest.approx(((prediction - velocity) ** 2).mean().item(), rel=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_trainable_parts_have_gradients_and_frozen_ones_are_unchanged(
    name: str, features: FeatureDataset, tmp_path: Path
) -> None:
    frozen = [features.base.denoiser, features.base.text_encoder, features.encoder.model]
    before = [copy.deepcopy(each.state_dict()) for each in frozen]
    method = made(name, features)
    # B of a LoRA begins at zero, and then A has no gradient yet: two updates show what learns.
    recipe = Recipe(steps=2, batch_size=8, learning_rate=1e-2, warmup_steps=1, weight_decay=0.0, precision="no")
    train(method, recipe, tmp_path, quiet=True)
    fresh = made(name, features)
    old = dict(fresh.module.named_parameters())
    for key, value in method.module.named_parameters():
        if not value.requires_grad:
            assert torch.equal(value, old[key]), f"{key} is frozen"
        else:
            assert not torch.equal(value, old[key]), f"{key} was to learn"
    for each, state in zip(frozen, before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in each.state_dict().items())


def test_concept_alignment_trains_all_of_cross_attention_as_the_published_code_does(features: FeatureDataset) -> None:
    reader = with_denoiser(features)
    ConceptAlignment(reader, features)
    learning = {key for key, value in reader.named_parameters() if value.requires_grad}
    assert learning
    assert all(".attn2.to_" in key for key in learning)
    assert {key.partition(".attn2.")[2].partition(".")[0] for key in learning} == {"to_q", "to_k", "to_v", "to_out"}
    ConceptAlignment(reader, features, only_keys_and_values=True)
    learning = {key for key, value in reader.named_parameters() if value.requires_grad}
    assert {key.partition(".attn2.")[2].partition(".")[0] for key in learning} == {"to_k", "to_v"}


def test_prompts_are_dropped_from_the_requested_update_on(features: FeatureDataset) -> None:
    reader = with_denoiser(features)
    early = DenoiserTuning(reader, features, trainable=everything, empty_share=1.0, empty_from=1)
    never = DenoiserTuning(reader, features, trainable=everything)
    always = DenoiserTuning(reader, features, trainable=everything, empty_share=1.0)
    for step, like in ((0, never), (1, always)):
        found, expected, other = (
            each.loss(replace(some_draw(), step=step)).total.item()
            for each in (early, like, always if like is never else never)
        )
        assert found == expected != other


def test_a_reader_without_a_denoiser_has_no_cross_attention_to_align(features: FeatureDataset) -> None:
    with pytest.raises(DoesNotFit, match="a Student has no `cross_attention` to train"):
        ConceptAlignment(student(features), features)


def test_loras_begin_as_the_base(features: FeatureDataset) -> None:
    rows = torch.arange(1, 4)
    states = tuned(features).read(features, rows).tokens_BLC
    expected = features.base.text_states([features.texts_N[row] for row in rows])
    torch.testing.assert_close(states, expected)


def test_virtual_tokens_follow_the_begin_token_and_move_the_text(features: FeatureDataset) -> None:
    torch.manual_seed(0)
    reader, base = VirtualPrompt(features.base, 2), features.base
    seen: list[torch.Tensor] = []
    layer = reader.text_encoder.encoder.layers[0].layer_norm1
    catch = layer.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    reader.read(features, torch.tensor([1]))
    catch.remove()
    table = reader.text_encoder.embeddings
    ids = base.tokenize([features.texts_N[1]], base.length - 2)[0]
    expected = torch.cat([table.token_embedding(ids[:1]), reader.prompt_VC, table.token_embedding(ids[1:])])
    expected = expected + table.position_embedding.weight[: base.length]
    torch.testing.assert_close(seen[0][0], expected)


def test_virtual_tokens_must_leave_room_for_a_prompt(features: FeatureDataset) -> None:
    with pytest.raises(DoesNotFit, match="6 virtual tokens leave no room"):
        VirtualPrompt(features.base, 6)


def test_a_low_rank_delta_is_the_nearest_one_and_reports_its_error(features: FeatureDataset) -> None:
    torch.manual_seed(0)
    before, after = features.base.denoiser, copy.deepcopy(features.base.denoiser)
    key = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"
    convolution = "down_blocks.0.resnets.0.conv1"
    with torch.no_grad():
        for layer in (key, convolution):
            weight = after.get_submodule(layer).weight
            weight += torch.randn_like(weight)
        after.get_submodule(convolution).bias += 0.5
    found = extract_lora(before, after, rank=3)
    assert {name.rpartition(".lora_")[0] for name in found.weights} == {key, convolution}
    left_out = (0.5**2) * len(after.get_submodule(convolution).bias)
    whole = left_out
    for layer in (key, convolution):
        change = (after.get_submodule(layer).weight - before.get_submodule(layer).weight).double()
        up, down = (found.weights[f"{layer}.lora_{side}.weight"].double() for side in "BA")
        kept = (up.flatten(1) @ down.flatten(1)).reshape(change.shape)
        assert torch.linalg.matrix_rank(kept.flatten(1)) == 3
        left_out += (change - kept).square().sum().item()
        whole += change.square().sum().item()
    assert found.relative_error == pytest.approx((left_out / whole) ** 0.5, rel=1e-4)
    with pytest.raises(DoesNotFit, match="nothing to publish"):
        extract_lora(before, before, rank=3)


@pytest.mark.parametrize("name", METHODS)
def test_the_first_four_losses_are_as_recorded(name: str, features: FeatureDataset) -> None:
    assert golden_losses(made(name, features, seed=4)) == pytest.approx(GOLDEN[name], rel=2e-3)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_lowers_its_loss(name: str, features: FeatureDataset, tmp_path: Path) -> None:
    method = made(name, features)
    before = fixed_loss(method)
    recipe = Recipe(steps=30, batch_size=8, learning_rate=3e-3, warmup_steps=2, precision="no", seed=1)
    train(method, recipe, tmp_path, quiet=True)
    assert fixed_loss(method) < before


@torch.no_grad()
def fixed_loss(method: Method) -> float:
    return sum(method.loss(some_draw(step, 20)).total.item() for step in range(5))


def test_a_reader_is_distilled_through_the_denoiser_as_a_module_is_and_not_with_its_own(
    features: FeatureDataset,
) -> None:
    reader = TunedBase(features.base, 2, in_text_encoder=True, in_denoiser=False)
    method = HybridDistillation(reader, features, empty_share=0.0)
    english = torch.tensor([row for row, tag in enumerate(features.languages_N) if tag == "en"][:4])
    found = method.loss(replace(some_draw(), indices_B=english))
    assert found.total.item() == pytest.approx(0, abs=1e-6), "a fresh LoRA reads English as the base does"
    assert method.loss(some_draw()).total.item() > 1e-4
    with pytest.raises(DoesNotFit, match=r"--set module\.denoiser=false"):
        HybridDistillation(tuned(features), features)


@pytest.mark.parametrize("pooled", [False, True])
def test_mean_teacher_learning_compares_the_means_of_the_tokens_that_count(
    features: FeatureDataset, pooled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher_N = Embeddings(torch.randn(9, 5, 4), torch.randn(9, 3) if pooled else None, torch.ones(9, 5).bool())
    ours = Embeddings(
        torch.randn(2, 7, 4),
        torch.randn(2, 3) if pooled else None,
        torch.tensor([[True] * 7, [True] * 2 + [False] * 5]),
    )
    monkeypatch.setattr(FeatureDataset, "teacher_sample", lambda _: teacher_N)
    monkeypatch.setattr(
        FeatureDataset, "teacher_embeddings", lambda _, rows_B: teacher_N.map(lambda each: each[rows_B])
    )
    reader = student(features)
    reader.read = lambda *_: ours  # type: ignore[method-assign]
    found = TeacherLearning(reader, features, match="mean", empty_share=0.0).loss(some_draw(count=2)).total
    means = teacher_N.tokens_BLC.double().mean(1)
    mine = torch.stack([ours.tokens_BLC[0].mean(0), ours.tokens_BLC[1, :2].mean(0)]).double()
    deviation, centre, theirs = means.std(0), means.mean(0), means[1:3]
    expected = (((mine - theirs) / deviation) ** 2).mean()
    expected += (1 - torch.nn.functional.cosine_similarity(mine - centre, theirs - centre)).mean()
    if pooled:
        expected += (((ours.pooled_BP - teacher_N.pooled_BP[1:3]) / teacher_N.pooled_BP.std(0)) ** 2).mean()
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_text_readers_keep_english_among_their_examples(features: FeatureDataset) -> None:
    english = torch.tensor([tag == "en" for tag in features.languages_N])
    for name in METHODS:
        weights = made(name, features).example_weights
        assert weights is not None
        assert weights[english].sum().item() == pytest.approx(0.3), "as the material's mixture says"


def test_phases_train_the_parts_in_their_names(features: FeatureDataset) -> None:
    learner = get_plan("altdiffusion").learner(features.base, features.encoder)
    learning = []
    for phase in Overrides().apply(get_plan("altdiffusion"), what="nothing").phases:  # the contrastive one is asked for
        phase.make(learner.module, features)
        learning.append(
            {key.partition(".")[0] for key, value in learner.module.named_parameters() if value.requires_grad}
        )
    assert learning == [{"encoder", "transformation"}, {"denoiser"}, {"denoiser"}]
    set_trainable(learner.module, text)
