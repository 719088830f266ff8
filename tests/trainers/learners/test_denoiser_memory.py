"""A denoiser takes less memory in bf16 and with its activations computed again, and trains the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.weights.quantisation import quantise
from tests.builders.training.flow_bases import FLOWS, PIXELS, save_flow_base
from tests.builders.training.toy import ToyCorpus
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.mixture import Mixture, collect_features
from trainers.learners.denoiser_memory import convert_to_bf16, recompute_activations
from trainers.loop.method import Draw
from trainers.loop.sampler import generator_of
from trainers.methods import get_plan
from trainers.recipes.overrides import Overrides
from trainers.recipes.weight_types import weight_types
from trainers.samples.generate_samples import generate_samples, with_prompts


def step(name: str, features: FeatureDataset, *, recompute: bool) -> tuple[float, list[Tensor], int]:
    """Return loss and gradients of one step, and the bytes that its forward pass saved for the backward pass."""
    plan = get_plan(name)
    torch.manual_seed(0)
    module = plan.learner(features.base, features.encoder).module
    method = [each for each in plan.phases if not each.optional][-1].make(module, features)
    saved = 0

    def pack(tensor: Tensor) -> Tensor:
        nonlocal saved
        saved += tensor.nbytes
        return tensor

    with recompute_activations(features.base, module, enabled=recompute):
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = method.loss(Draw(0, torch.arange(1, 7), generator_of(1, "noise", 0, 0))).total
        forward = saved
        loss.backward()
    return loss.item(), [each.grad for each in module.parameters() if each.grad is not None], forward


@pytest.mark.parametrize("name", ["mulan", "pea", "iap", "full", "lora"])
def test_activations_that_are_computed_again_give_the_same_gradients(name: str, features: FeatureDataset) -> None:
    loss, gradients, saved = step(name, features, recompute=False)
    again, same, less = step(name, features, recompute=True)
    assert again == loss
    assert gradients
    for ours, theirs in zip(gradients, same, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert less < saved


def test_a_module_without_a_denoiser_cannot_compute_it_again() -> None:
    with (
        pytest.raises(InvalidRequest, match="which this method does not support"),
        recompute_activations(object(), torch.nn.Linear(1, 1), enabled=True),
    ):
        pass


def test_a_denoiser_in_bf16_trains_and_samples_nearly_the_same(
    base_folder: Path, encoder: TextEncoder, features: FeatureDataset, tmp_path: Path
) -> None:
    base = FrozenBase.open(base_folder, torch.device("cpu"))
    halved = collect_features(
        ToyCorpus(), Mixture(("yo", "sw"), english_share=0.3), base, encoder, length=8, store=Store(tmp_path, "b", "e", quiet=True)
    )  # fmt: skip
    for each in (features, halved):
        each.fill(("states", "latents"))
    before = sum(each.nbytes for each in base.denoiser.parameters())
    convert_to_bf16(base.denoiser)
    assert sum(each.nbytes for each in base.denoiser.parameters()) == before / 2
    with torch.autocast("cpu", torch.bfloat16):
        expected, gradients, _ = step("mulan", features, recompute=False)
        found, ours, _ = step("mulan", halved, recompute=False)
    assert found == pytest.approx(expected, rel=0.02)
    size, expected_size = (sum(each.norm().item() for each in some) for some in (ours, gradients))
    assert size == pytest.approx(expected_size, rel=0.1)
    plan = get_plan("mulan")
    torch.manual_seed(0)
    module = plan.learner(base, encoder).module.eval()
    prompts = ToyCorpus().prompts("yo", "seen")[:2]
    ours_B3HW, theirs_B3HW = (
        generate_samples(module, with_prompts(each, prompts), seed=0) for each in (halved, features)
    )
    assert (ours_B3HW - theirs_B3HW).abs().mean() < 0.02


def test_gradients_flow_through_a_denoiser_in_8_bits_to_the_conditioning(base_folder: Path) -> None:
    torch.manual_seed(0)
    latents, steps, states = torch.randn(2, 4, 8, 8), torch.tensor([10, 700]), torch.randn(2, 8, 16)
    found = []
    for bits in ("", "8bit"):
        base = FrozenBase.open(base_folder, torch.device("cpu"))
        if bits:
            quantise(base.denoiser, bits, device="cpu", dtype=torch.float32)
        given = states.clone().requires_grad_()
        answer = base.predict(latents, steps, given)
        answer.square().mean().backward()
        assert given.grad is not None
        found.append((answer.detach(), given.grad))
    (answer, gradient), (ours, own) = found
    assert not torch.equal(answer, ours)
    assert torch.nn.functional.cosine_similarity(gradient.flatten(), own.flatten(), dim=0) > 0.98
    torch.testing.assert_close(ours, answer, atol=0.05, rtol=0.05)


def test_only_frozen_denoisers_are_kept_in_few_bits() -> None:
    cuda = torch.device("cuda")
    assert weight_types(get_plan("mulan"), cuda, bf16=True).denoiser is torch.bfloat16
    assert weight_types(get_plan("mulan"), cuda, bf16=False).denoiser is torch.float32
    assert weight_types(get_plan("mulan"), torch.device("cpu")).denoiser is torch.float32
    assert weight_types(get_plan("full"), cuda, bf16=True).denoiser is torch.float32
    quantised = Overrides(everywhere={"quantise": "8bit"})
    assert weight_types(quantised.apply(get_plan("pea"), what="pea"), cuda, bf16=True).quantise == "8bit"
    with pytest.raises(InvalidRequest, match="`full` copies the base's weights"):
        weight_types(quantised.apply(get_plan("full"), what="full"), cuda, bf16=True)


@pytest.mark.parametrize("family", FLOWS)
def test_a_flow_transformer_in_bf16_predicts_nearly_the_same(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.bases.sizes.SIDE", PIXELS)
    folder = save_flow_base(family, tmp_path)
    full = FrozenBase.open(folder, torch.device("cpu"))
    halved = FrozenBase.open(folder, torch.device("cpu"), dtypes={"transformer": torch.bfloat16})
    assert halved.denoiser.dtype is torch.bfloat16
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, *full.latent_shape, generator=generator)
    # Shares of 1000 that bf16 holds exactly: FLUX's transformer rounds others, in diffusers' pipelines as well.
    steps, given = torch.tensor([250.0, 500.0]), full.read(["a dog", "a cat"])
    expected, found = (base.predict(latents, steps, *given[:3]).detach() for base in (full, halved))
    assert found.dtype is torch.float32
    assert (found - expected).norm() < 0.05 * expected.norm()


def test_weights_that_loras_share_with_the_base_are_stored_in_bf16_and_loras_in_fp32(
    base_folder: Path, encoder: TextEncoder, features: FeatureDataset
) -> None:
    plan = get_plan("lora")
    losses = []
    for in_bf16 in (False, True):
        dtypes = dict.fromkeys(("unet", "text_encoder"), torch.bfloat16) if in_bf16 else None
        base = FrozenBase.open(base_folder, torch.device("cpu"), dtypes=dtypes)
        own = replace(features, base=base)
        own.fill(("latents",))
        torch.manual_seed(0)
        module = plan.learner(base, encoder).module
        types = {("lora_" in name, value.dtype) for name, value in module.named_parameters()}
        assert types == {(True, torch.float32), (False, torch.bfloat16 if in_bf16 else torch.float32)}
        method = next(each for each in plan.phases if each.name == "denoise").make(module, own)
        with torch.autocast("cpu", torch.bfloat16):
            loss = method.loss(Draw(0, torch.arange(1, 7), generator_of(1, "noise", 0, 0))).total
        loss.backward()
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
