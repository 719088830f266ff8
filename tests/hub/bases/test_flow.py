"""Flow matching through frozen bases: training uses the same predictions as their pipelines."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from hub.bases.flow import FrozenFlow
from hub.bases.frozen import FrozenBase
from hub.bases.sizes import SIDE
from tests.builders.training.flow_bases import FLOWS, PIXELS, save_flow_base

TEXTS = ("a red house", "cat")
UNGUIDED = {"guidance_scale": 1.0, "output_type": "pt", "num_inference_steps": 2}
OTHERWISE: dict[str, dict[str, Any]] = {
    "flux": {"guidance_scale": 3.5},
    "qwen-image": {"guidance_scale": None, "true_cfg_scale": 1.0},
    "sana": {"use_resolution_binning": False},
    "z-image": {"guidance_scale": 0.0},
}
"""Family → arguments of a call without guidance that differ."""


@pytest.fixture(scope="module", params=FLOWS)
def flow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, FrozenFlow, Any]:
    """Family, frozen base and pipeline."""
    family: str = request.param
    folder = save_flow_base(family, tmp_path_factory.mktemp("flows"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hub.bases.sizes.SIDE", PIXELS)
        base: Any = FrozenBase.open(folder, torch.device("cpu"))
    return family, base, diffusers.DiffusionPipeline.from_pretrained(folder)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SIDE == 1024
    monkeypatch.setattr("hub.bases.sizes.SIDE", PIXELS)


def generated(family: str, base: FrozenFlow, pipe: Any) -> torch.Tensor:
    """Return the images (B, 3, H, W) of the pipeline, without guidance."""
    pipe.set_progress_bar_config(disable=True)
    # Lumina 2 and others assume an autoencoder that divides the sides by 8.
    side = 8 * base.latent_shape[1] if family == "lumina2" else base.side
    prompts: dict[str, Any] = {"prompt": list(TEXTS)}  # Z-Image writes its template into the list
    if family == "cogview4":  # it pads to the longest text of a batch, and has no mask
        prompts = {"prompt_embeds": base.read(TEXTS).tokens_BLC}
    settings = {**UNGUIDED, **OTHERWISE.get(family, {}), **prompts}
    images: torch.Tensor = pipe(height=side, width=side, generator=torch.Generator().manual_seed(3), **settings).images
    return images


def test_predictions_lead_from_noise_to_the_images_of_the_pipeline(flow: tuple[str, FrozenFlow, Any]) -> None:
    family, base, pipe = flow
    expected = generated(family, base, pipe)
    embeddings = base.read(TEXTS)
    latents = torch.randn((2, *base.latent_shape), generator=torch.Generator().manual_seed(3))
    sigmas = pipe.scheduler.sigmas
    for step, (before, after) in zip(pipe.scheduler.timesteps, pairwise(sigmas), strict=True):
        torch.testing.assert_close(base.sigmas(step[None])[0], before, msg=lambda text: f"{family}: {text}")
        with torch.no_grad():
            velocity = base.predict(latents, step.expand(2), *embeddings[:3])
        latents = latents + (after - before) * velocity
    found = base.decode(latents)
    assert found.std() > 0.01
    torch.testing.assert_close(found, expected.float(), atol=2e-3, rtol=1e-3)


def test_a_latent_decodes_to_its_image_size_and_encodes_in_the_base_s_form(flow: tuple[str, FrozenFlow, Any]) -> None:
    _, base, _ = flow
    images = torch.randint(0, 256, (2, 3, 40, 40), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    latents = base.latents(images)
    assert latents.shape == (2, *base.latent_shape)
    assert base.decode(latents).shape == (2, 3, base.side, base.side)


def test_a_posterior_is_that_of_the_autoencoder_in_the_base_s_form(flow: tuple[str, FrozenFlow, Any]) -> None:
    family, base, _ = flow
    assert base.has_posterior == (family != "sana")
    if not base.has_posterior:
        return
    images = torch.randint(0, 256, (2, 3, 40, 40), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    mean, deviation = base.posterior(images).chunk(2, dim=1)
    torch.testing.assert_close(mean, base.latents(images))
    with torch.no_grad():
        found = base._posterior(base._pixels(images))
        noise = torch.randn(found.mean.shape, generator=torch.Generator().manual_seed(2))
        expected = base._scale(found.mean + found.std * noise)
        noise_in_form = (base._scale(found.mean + noise) - mean) / (base._scale(found.mean + 1) - mean)
    torch.testing.assert_close(mean + deviation * noise_in_form, expected, atol=1e-4, rtol=1e-4)
    assert deviation.min() > 0


def test_samples_use_the_noise_levels_of_the_pipeline_when_it_gives_them_itself(
    flow: tuple[str, FrozenFlow, Any],
) -> None:
    family, base, pipe = flow
    if family in {"auraflow", "stable-diffusion-3", "sana"}:
        pytest.skip("these pipelines leave the last noise level to the scheduler")
    generated(family, base, pipe)
    sampler = base.sampler(2)
    torch.testing.assert_close(sampler.timesteps, pipe.scheduler.timesteps)
    torch.testing.assert_close(sampler.scheduler.sigmas, pipe.scheduler.sigmas)


def test_noise_and_target_are_those_of_rectified_flow(flow: tuple[str, FrozenFlow, Any]) -> None:
    _, base, _ = flow
    latents, noise = torch.randn(2, 4, *base.latent_shape, generator=torch.Generator().manual_seed(1))
    steps = base.sample_steps(4, torch.Generator().manual_seed(0))
    assert ((steps > 0) & (steps <= 1000)).all()
    noised, target = base.add_noise(latents, noise, steps), base.target(latents, noise, steps)
    torch.testing.assert_close(target, noise - latents)
    sigmas = base.sigmas(steps)[:, None, None, None]
    torch.testing.assert_close(noised - sigmas * target, latents, msg="the velocity leads back to the image")


def test_noise_levels_are_shifted_by_the_resolution_as_diffusers_computes_it(tmp_path: Path) -> None:
    base: Any = FrozenBase.open(save_flow_base("flux", tmp_path), torch.device("cpu"))
    plain = base.sample_steps(2000, torch.Generator().manual_seed(0))
    base.schedule.register_to_config(use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15)
    # FLUX.1: µ grows from 0.5 at 256 image tokens to 1.15 at 4096; these are 64 tokens.
    assert base.resolution_shift == pytest.approx(0.5 + (64 - 256) * (1.15 - 0.5) / (4096 - 256))
    shifted = base.sample_steps(2000, torch.Generator().manual_seed(0))
    factor = torch.tensor(base.resolution_shift).exp()
    expected = factor / (factor + 1000 / plain - 1) * 1000
    torch.testing.assert_close(shifted, expected)


def test_noise_levels_of_stable_diffusion_3_are_logit_normal(tmp_path: Path) -> None:
    base: Any = FrozenBase.open(save_flow_base("stable-diffusion-3", tmp_path), torch.device("cpu"))
    steps = base.sample_steps(4000, torch.Generator().manual_seed(0))
    logits = torch.logit(steps / 1000, eps=1e-4)
    assert logits.mean().abs() < 0.1
    assert logits.std() == pytest.approx(1.0, abs=0.1)


def test_the_shift_of_a_scheduler_with_flow_sigmas_is_used_and_another_scheduler_is_refused(tmp_path: Path) -> None:
    import json

    from hub.errors import DoesNotFit

    folder = save_flow_base("sana", tmp_path)
    settings = folder / "scheduler" / "scheduler_config.json"
    index = json.loads((folder / "model_index.json").read_text())
    index["scheduler"][1] = "DPMSolverMultistepScheduler"
    (folder / "model_index.json").write_text(json.dumps(index))
    flow = {"_class_name": "DPMSolverMultistepScheduler", "prediction_type": "flow_prediction"}
    settings.write_text(json.dumps({**flow, "use_flow_sigmas": True, "flow_shift": 3.0}))
    base: Any = FrozenBase.open(folder, torch.device("cpu"))
    assert base.schedule.config.shift == 3.0
    settings.write_text(json.dumps(flow))
    with pytest.raises(DoesNotFit, match="has no flow sigmas"):
        FrozenBase.open(folder, torch.device("cpu"))
