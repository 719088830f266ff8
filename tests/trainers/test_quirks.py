"""Quirks of published trainers are named options: the effect of each, and no effect when it is off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from hub.bases.frozen import FrozenBase
from hub.embeddings import Embeddings
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit
from tests.builders.training.losses import some_draw
from trainers.inputs.conditioning import apply_module
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.inputs.prompt_rules import PromptRules
from trainers.learners.losses import feature_mse
from trainers.loop.sampler import generator_of
from trainers.methods import get_plan
from trainers.methods.mulan import Denoising
from trainers.objectives.hybrid_distillation import HybridDistillation, zero_non_finite
from trainers.objectives.noise import add_noise
from trainers.objectives.token_distillation import TokenDistillation


@pytest.fixture(scope="module")
def xl(
    original: Callable[[str], Path], corpus: Any, encoder: TextEncoder, tmp_path_factory: pytest.TempPathFactory
) -> FeatureDataset:
    """The toy corpus with a tiny SDXL."""
    base = FrozenBase.open(original("sdxl"), torch.device("cpu"))
    store = Store(tmp_path_factory.mktemp("caches"), "xl", "e", quiet=True)
    return collect_features(corpus, Mixture(("yo", "sw")), base, encoder, length=8, store=store)


def module_of(method: str, features: FeatureDataset, **sizes: Any) -> nn.Module:
    torch.manual_seed(0)
    return get_plan(method).learner(features.base, features.encoder, **sizes).module


def test_offset_noise_adds_one_number_per_channel(base: FrozenBase) -> None:
    latents = torch.zeros(3, 4, 8, 8)
    offset = add_noise(latents, base, generator_of(1), offset=0.5)
    alpha = base.schedule.alphas_cumprod[offset.steps_B][:, None, None, None]
    pure = torch.randn(latents.shape, generator=generator_of(1))
    shift = offset.noised_BKHW / (1 - alpha).sqrt() - pure
    torch.testing.assert_close(shift, shift[:, :, :1, :1].expand_as(shift), atol=1e-4, rtol=1e-3)
    assert shift.std() > 0.1


def test_a_broken_block_adds_neither_loss_nor_gradient_and_the_others_are_unchanged() -> None:
    fine, broken = torch.randn(2, 3, requires_grad=True), torch.full((2, 3), 1.0, requires_grad=True)
    overflowed = broken * torch.tensor(float("inf"))
    teacher = [torch.randn(2, 3), torch.randn(2, 3)]
    ours, theirs = zero_non_finite([fine, overflowed], teacher)
    loss = feature_mse(ours, theirs)
    loss.backward()
    assert loss.item() == pytest.approx((fine - teacher[0]).double().square().mean().item(), rel=1e-5)
    assert fine.grad is not None
    assert torch.isfinite(fine.grad).all()


def test_only_the_first_blocks_are_compared_if_requested(features: FeatureDataset) -> None:
    module = module_of("pea", features)

    def feature_loss(**options: Any) -> float:
        return (
            HybridDistillation(module, features, empty_share=0.0, **options).loss(some_draw()).parts["features"].item()
        )

    assert feature_loss(feature_blocks=2) == feature_loss() == feature_loss(skip_broken_features=True), (
        "the tiny base has two"
    )
    assert 0 < feature_loss(feature_blocks=1) < feature_loss()


def test_a_dropped_prompt_keeps_its_pooled_embedding_if_requested(
    xl: FeatureDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[Any, ...]] = []
    predict = type(xl.base).predict

    def listen(base: Any, *arguments: Any) -> Any:
        read.append(arguments[2:])
        return predict(base, *arguments)

    monkeypatch.setattr(type(xl.base), "predict", listen)
    module = module_of("pea", xl)
    for drop_pooled in (True, False):
        HybridDistillation(module, xl, empty_share=1.0, drop_pooled=drop_pooled).loss(some_draw())
    rows = torch.arange(1, 7)
    own, empty = xl.teacher_embeddings(rows), xl.teacher_embeddings(torch.zeros_like(rows))
    (teacher, student), (kept_teacher, kept_student) = read[:2], read[2:]
    torch.testing.assert_close(teacher[1], empty.pooled_BP)
    torch.testing.assert_close(kept_teacher[1], own.pooled_BP)
    torch.testing.assert_close(kept_teacher[0], empty.tokens_BLC, msg="token states are emptied either way")
    torch.testing.assert_close(kept_student[0], student[0])
    torch.testing.assert_close(kept_student[1], apply_module(module, xl, rows).pooled_BP)


def test_distillation_also_compares_the_pooled_embedding(xl: FeatureDataset) -> None:
    found = TokenDistillation(module_of("token-kd", xl), xl, empty_share=0.0).loss(some_draw())
    assert found.total.item() == pytest.approx(sum(part.item() for part in found.parts.values()), rel=1e-5)
    assert set(found.parts) == {"mse", "cosine", "pooled"}
    module = module_of("token-kd", xl)
    rows = torch.arange(1, 7)
    everything = xl.teacher_sample().pooled_BP.double()
    gap = (module(*xl.encoder_states(rows)).pooled_BP.double() - everything[xl.meaning_N[rows]]) / everything.std(
        0
    ).clamp_min(1e-4)
    assert found.parts["pooled"].item() == pytest.approx(gap.square().mean().item(), rel=1e-4)


@pytest.mark.parametrize("method", ["mulan", "pea"])
def test_every_weight_of_the_sdxl_variants_is_trained_and_none_of_the_base(method: str, xl: FeatureDataset) -> None:
    made = {"mulan": Denoising, "pea": HybridDistillation}[method]
    module = module_of(method, xl)
    made(module, xl).loss(some_draw()).total.backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in module.parameters())
    assert all(parameter.grad is None for parameter in xl.base.denoiser.parameters())


def ruled(features: FeatureDataset, **prompt: Any) -> FeatureDataset:
    return replace(features, prompt_rules=PromptRules.parse({"length": features.length, **prompt}, what="test"))


def test_zeros_in_training_are_those_of_loading(xl: FeatureDataset) -> None:
    module, rows = module_of("mulan", xl), torch.tensor([0, 3])
    plain = apply_module(module, xl, rows)
    torch.testing.assert_close(plain, Embeddings(*module(*xl.encoder_states(rows))))
    negative = apply_module(module, ruled(xl, negative={"length": xl.length, "pooled": "zeros"}), rows)
    assert negative.pooled_BP[0].abs().sum() == 0
    torch.testing.assert_close(negative.pooled_BP[1], plain.pooled_BP[1])
    torch.testing.assert_close(negative.tokens_BLC, plain.tokens_BLC)
    empty = apply_module(module, ruled(xl, empty="zeros"), rows)
    assert empty.tokens_BLC[0].abs().sum() == 0
    torch.testing.assert_close(empty.tokens_BLC[1], plain.tokens_BLC[1])


def test_an_empty_prompt_can_be_the_bases_own_if_the_lengths_are_equal(xl: FeatureDataset) -> None:
    rows = torch.tensor([0, 3])
    rules = ruled(xl, empty="base")
    found = apply_module(module_of("mulan", xl), rules, rows)
    torch.testing.assert_close(found.tokens_BLC[0], xl.teacher_embeddings(rows).tokens_BLC[0])
    with pytest.raises(DoesNotFit, match="the module outputs 5 and the base 8"):
        apply_module(module_of("mulan", xl, queries=5), rules, rows)


def test_weights_for_a_layer_of_the_denoiser_are_not_trained(xl: FeatureDataset) -> None:
    with pytest.raises(DoesNotFit, match="which is frozen during training"):
        Denoising(module_of("mulan", xl, add_embedding=64), xl)


@pytest.mark.parametrize("method", ["pea", "bottleneck"])
def test_a_module_passes_the_encoder_s_mask_on_to_a_base_that_reads_one(
    method: str, original: Callable[[str], Path], encoder: TextEncoder
) -> None:
    base = FrozenBase.open(original("pixart"), torch.device("cpu"))
    module = get_plan(method).learner(base, encoder).module
    mask = torch.tensor([[True, True, False]])
    assert torch.equal(module(torch.zeros(1, 3, encoder.width), mask).mask_BL, mask)
