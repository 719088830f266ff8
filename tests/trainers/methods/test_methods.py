"""Each loss against plain float64 arithmetic, its first values on a fixed batch, and the state that it must not change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.errors import UnknownMethod
from tests.builders.training.losses import golden_losses, some_draw
from trainers.inputs.features import FeatureDataset
from trainers.learners.losses import feature_mse, mean_cosine, prediction_mse, token_mse
from trainers.loop.loop import train
from trainers.loop.method import Method
from trainers.loop.recipe import Recipe
from trainers.loop.sampler import generator_of
from trainers.methods import get_plan
from trainers.methods.mulan import Denoising
from trainers.objectives.hybrid_distillation import HybridDistillation
from trainers.objectives.noise import outputs_of
from trainers.objectives.token_distillation import TokenDistillation
from trainers.recipes.plan import Plan

METHODS: dict[str, Callable[[nn.Module, FeatureDataset], Method]] = {
    "token-kd": lambda module, features: TokenDistillation(module, features, noise=0.5),
    "mulan": Denoising,
    "pea": lambda module, features: HybridDistillation(module, features, native_share=0.3),
    "bottleneck": HybridDistillation,
}
GOLDEN = {
    "token-kd": [4.441761, 3.967910, 3.084453, 2.320267],
    "mulan": [0.347727, 0.365489, 0.479239, 0.702777],
    "bottleneck": [0.016480, 0.009622, 0.008099, 0.016034],
    "pea": [0.019527, 0.298602, 0.111390, 0.171635],
}
"""Losses of the first four updates; a change of any of them is a change of results."""


def module_for(plan: Plan, features: FeatureDataset, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return plan.learner(features.base, features.encoder).module


def test_token_mse_is_that_of_the_formula() -> None:
    student, teacher, deviation = torch.randn(3, 4, 5), torch.randn(3, 4, 5), torch.rand(5) + 0.5
    expected = 0.0
    for b in range(3):
        for s in range(4):
            for c in range(5):
                gap = (student[b, s, c].double() - teacher[b, s, c].double()) / deviation[c].double()
                expected += gap.item() ** 2 / 60
    assert token_mse(student, teacher, deviation).item() == pytest.approx(expected, rel=1e-5)


def test_token_mse_of_always_predicting_the_mean_is_one() -> None:
    teacher = torch.randn(500, 4, 5) * torch.tensor([1.0, 2, 3, 4, 5]) + 7
    mean, deviation = teacher.mean((0, 1)), teacher.flatten(0, 1).std(0)
    assert token_mse(mean.expand_as(teacher), teacher, deviation).item() == pytest.approx(1, abs=1e-3)


def test_mean_cosine_is_that_of_the_formula() -> None:
    student, teacher, mean = torch.randn(3, 4, 5), torch.randn(3, 4, 5), torch.randn(5)
    a, b = student.double().mean(1) - mean.double(), teacher.double().mean(1) - mean.double()
    expected = sum(1 - (x @ y / (x.norm() * y.norm())).item() for x, y in zip(a, b, strict=True)) / 3
    assert mean_cosine(student, teacher, mean).item() == pytest.approx(expected, rel=1e-5)
    assert mean_cosine(teacher, teacher, mean).item() == pytest.approx(0, abs=1e-6)


def test_prediction_mse_weighs_examples() -> None:
    prediction, target, weight = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2), torch.tensor([1.0, 0.0, 1.0])
    expected = ((prediction.double() - target.double()) ** 2).flatten(1).mean(1)[[0, 2]].sum() / 3
    assert prediction_mse(prediction, target, weight).item() == pytest.approx(expected.item(), rel=1e-5)


def test_feature_mse_sums_over_blocks() -> None:
    ours, theirs = [torch.randn(2, 3), torch.randn(2, 5)], [torch.randn(2, 3), torch.randn(2, 5)]
    expected = sum(((a.double() - b.double()) ** 2).mean().item() for a, b in zip(ours, theirs, strict=True))
    assert feature_mse(ours, theirs).item() == pytest.approx(expected, rel=1e-5)


def test_token_distillation_is_token_mse_plus_cosine(features: FeatureDataset) -> None:
    plan = get_plan("token-kd")
    module = module_for(plan, features)
    found = TokenDistillation(module, features, empty_share=0.0).loss(some_draw())
    rows = torch.arange(1, 7)
    student = module(*features.encoder_states(rows)).tokens_BLC
    teacher = features.teacher_tokens(rows)
    everything = features.teacher_sample().tokens_BLC.double()
    deviation = everything.flatten(0, 1).std(0)
    mse = (((student.double() - teacher.double()) / deviation) ** 2).mean()
    a, b = (x.double().mean(1) - everything.mean((0, 1)) for x in (student, teacher))
    cosine = (1 - torch.nn.functional.cosine_similarity(a, b)).mean()
    assert found.total.item() == pytest.approx((mse + cosine).item(), rel=1e-4)


def test_denoising_is_the_mse_of_the_bases_velocity(features: FeatureDataset) -> None:
    module = module_for(get_plan("mulan"), features)
    found = Denoising(module, features, empty_share=0.0).loss(some_draw())
    generator, rows = generator_of(1, "noise", 0, 0), torch.arange(1, 7)
    torch.rand(6, generator=generator)  # what decides which texts are emptied
    latents = features.latents(rows)
    noise = torch.randn(latents.shape, generator=generator)
    steps = torch.randint(0, 1000, (6,), generator=generator)
    alpha = features.base.schedule.alphas_cumprod[steps].double()[:, None, None, None]
    add_noise = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    states = module(*features.encoder_states(rows)).tokens_BLC
    prediction = features.base.denoiser(add_noise.float(), steps, encoder_hidden_states=states).sample
    assert found.total.item() == pytest.approx(((prediction - velocity) ** 2).mean().item(), rel=1e-4)


@pytest.mark.parametrize("native_share", [0.0, 1.0])
def test_hybrid_distillation_is_that_of_the_paper(features: FeatureDataset, native_share: float) -> None:
    module = module_for(get_plan("pea"), features)
    found = HybridDistillation(module, features, native_share=native_share, empty_share=0.0).loss(some_draw())
    if native_share == 1.0:
        assert found.total.item() == pytest.approx(found.parts["denoising"].item())
        assert found.parts["logits"].item() == found.parts["features"].item() == 0
    else:
        expected = found.parts["logits"] + 0.1 * found.parts["features"]
        assert found.total.item() == pytest.approx(expected.item())
        assert found.parts["features"].item() > 0


def test_hybrid_distillation_of_the_teachers_own_states_is_zero(features: FeatureDataset) -> None:
    class Parrot(nn.Module):
        def forward(self, states: Tensor, mask: Tensor) -> object:
            from hub.embeddings import Embeddings

            return Embeddings(features.teacher_tokens(torch.arange(1, 7)))

    assert HybridDistillation(Parrot(), features, empty_share=0.0).loss(some_draw()).total.item() == 0


def test_block_outputs_come_from_every_block_once_and_hooks_are_removed(base: FrozenBase) -> None:
    arguments = (torch.randn(1, 4, 8, 8), torch.tensor([5]), torch.randn(1, 8, 16))
    with outputs_of(dict(enumerate(block for group in base.blocks for block in group))) as outputs:
        base.predict(*arguments)
    base.predict(*arguments)
    assert len(outputs) == 2 + 1 + 2
    assert all(isinstance(output, Tensor) and output.dim() == 4 for output in outputs.values())


@pytest.mark.parametrize("name", METHODS)
def test_only_the_module_is_trained(name: str, features: FeatureDataset) -> None:
    method = METHODS[name](module_for(get_plan(name), features), features)
    method.loss(some_draw()).total.backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in method.module.parameters()
    )
    assert all(parameter.grad is None for parameter in features.base.denoiser.parameters())


@pytest.mark.parametrize("name", METHODS)
def test_the_first_four_losses_are_as_recorded(name: str, features: FeatureDataset, tmp_path: Path) -> None:
    method = METHODS[name](module_for(get_plan(name), features, seed=4), features)
    found = golden_losses(method)
    assert found == pytest.approx(GOLDEN[name], rel=2e-3)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_lowers_its_loss(name: str, features: FeatureDataset, tmp_path: Path) -> None:
    recipe = Recipe(steps=30, batch_size=8, learning_rate=3e-3, warmup_steps=2, precision="no", seed=1)
    method = METHODS[name](module_for(get_plan(name), features), features)
    before = fixed_loss(method)
    train(method, recipe, tmp_path, quiet=True)
    assert fixed_loss(method) < before


@torch.no_grad()
def fixed_loss(method: Method) -> float:
    return sum(method.loss(some_draw(step, 20)).total.item() for step in range(5))


def test_an_unknown_method_suggests_near_names() -> None:
    with pytest.raises(UnknownMethod, match=r"no method is called `mulann`.*`mulan`.*hub train --help"):
        get_plan("mulann")


def test_steps_are_divided_among_phases() -> None:
    plan = get_plan("mulan").with_steps(306, seed=5)
    assert sum(phase.recipe.steps for phase in plan.phases) == 306
    assert all(phase.recipe.seed == 5 and phase.recipe.warmup_steps <= phase.recipe.steps for phase in plan.phases)
    assert all(phase.recipe.steps == 1 for phase in get_plan("pea").with_steps(1, seed=0).phases)
