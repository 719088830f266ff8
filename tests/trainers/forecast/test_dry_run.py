"""`hub train --dry-run` estimates the resources of a run from configurations alone, and a small run takes as much."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.full_size import clip_tokenizer
from hub.errors import DoesNotFit, InvalidRequest
from hub.local import LocalHub
from tests.builders.models.published_sizes import save_sd15, save_sdxl, save_xlm_r_large
from tests.builders.training.commands import DUAL, TINY, json_of, run
from trainers.cli import train
from trainers.forecast.count_step import count_step
from trainers.inputs.features import FeatureDataset
from trainers.loop.method import Draw
from trainers.loop.sampler import generator_of
from trainers.methods import get_plan
from trainers.phases import attention_backend

GB = 1e9
MILLION = ("--pairs", "1000000", "--lang", "yo", "--dry-run")


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_sdxl(tmp_path_factory.mktemp("published") / "sdxl-sizes", clip_tokenizer())


@pytest.fixture(scope="module")
def xlm_r(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path) -> Path:
    return save_xlm_r_large(tmp_path_factory.mktemp("published") / "xlm-r-large", encoder_folder)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "parts"), [("mulan", 64), ("pea", 60)])
def test_a_million_pairs_of_sdxl_need_at_most_24_gb_of_a_gpu_and_16_gb_of_the_host(
    method: str, parts: int, sdxl: Path, xlm_r: Path, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json_of(
        capsys, train, method, "--recipe", f"{method}-sdxl", "--base", str(sdxl), "--encoder", str(xlm_r), *MILLION,
        "--accumulate", str(parts), "--set", "gradient_checkpointing=true",
    )  # fmt: skip
    assert (found["texts"], found["pairs"]) == (1_000_000, 1_000_000)
    assert found["device_bytes"] < 24 * GB
    assert found["host_bytes"] < 16 * GB
    phase = found["stages"][-1]
    assert phase["memory"]["denoiser"] == pytest.approx(2 * 2_567_463_684), "two bytes for each weight of the UNet"
    assert phase["memory"]["activations"] < 0.85 * GB * phase["at_once"], "grew: it was .67 and .77 GB an image"
    assert phase["activations_otherwise"] < 5.8 * GB * phase["at_once"], "grew: it was 5.4 and 5.6 GB an image"
    wanted = {
        "states": 2 * 1024 * (80 if method == "mulan" else 77),
        "latents": (4 if method == "pea" else 2) * 4 * 128 * 128,
    }
    wanted |= {"teacher": 2 * (77 * 2048 + 1280)} if method == "pea" else {}
    assert {need: size / 1e6 for need, size in found["disk"].items()} == pytest.approx(wanted, rel=1e-3)
    # The tiny tokenizer splits the prefix of the recipe in other places than the encoder of the original.
    assert any("prefix" in each for each in found["refused"]) == (method == "mulan")
    # One image: forward 6.7 TFLOP, backward to the conditioning as much, and forward again; the teacher's forward of `pea`.
    per_image = phase["flops_per_update"] / phase["batch_size"] / 1e12
    assert per_image == pytest.approx(20.0 if method == "mulan" else 26.6, rel=0.02)


def test_a_forecast_on_the_cpu_equals_a_step_with_weights(
    hub: LocalHub, features: FeatureDataset, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = 6
    found = json_of(
        capsys, train, "pea", "--lang", "yo", "--lang", "sw", *TINY, "--dry-run", "--set", f"batch_size={batch}", "--set",
        "precision=no",
    )  # fmt: skip
    plan = get_plan("pea")
    features.fill(plan.needs)
    for phase, forecast in zip(plan.phases, found["stages"][1:], strict=True):
        module = plan.learner(features.base, features.encoder).module
        method = phase.make(module, features)

        def loss(method: Any = method) -> torch.Tensor:
            draw = Draw(0, torch.arange(batch) + 1, generator_of(0, "noise", 0, 0))
            total: torch.Tensor = method.loss(draw).total
            return total

        with attention_backend(torch.device("cpu")):
            counted = count_step(loss, [module, features.base.denoiser], precision=None)
            with FlopCounterMode(display=False) as other:
                loss().backward()
        assert forecast["flops_per_update"] == counted.flops == other.get_total_flops()
        assert forecast["memory"]["activations"] == pytest.approx(counted.peak_bytes, rel=0.02)
        assert forecast["memory"]["module"] == sum(each.nbytes for each in module.parameters())


def test_disk_and_steps_are_those_of_the_run(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("mulan", "--lang", "yo", *TINY, "--no-evaluate")
    forecast = json_of(capsys, train, *asked, "--dry-run")
    assert not hub.home.runs.exists(), "a dry run trains nothing"
    assert not [*hub.home.caches.rglob("*.npy")]
    outcome = json_of(capsys, train, *asked)
    header = 128  # of numpy's files
    models = [
        each.parent for each in hub.home.caches.rglob("cache.json") if json.loads(each.read_text())["label"] != "tokens"
    ]
    caches = [path.stat().st_size - header for folder in models for path in folder.glob("*.npy")]
    assert sum(caches) == forecast["disk_bytes"]
    assert [each["name"] for each in forecast["stages"]] == ["caches", *outcome["losses"]]
    assert forecast["stages"][-1]["memory"]["module"] == 4 * outcome["weights"]
    assert forecast["evaluation_images"] == 0
    refused = json_of(capsys, train, *asked, "--dry-run")["refused"]
    assert any("there is a run in" in each for each in refused)


@pytest.mark.parametrize("method", ["full", "iap", "altdiffusion", "lora", "prompt-tuning", "memory", "translate"])
def test_other_kinds_of_learners_have_a_forecast(
    method: str, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    run(train, method, "--lang", "yo", *TINY, "--dry-run", "--price-per-hour", "2")
    said = capsys.readouterr().out
    assert "DEVICE MEMORY" in said
    assert "No weights were read." in said


def test_a_base_with_another_denoiser_than_a_unet_has_a_forecast(
    original: Callable[[str], Path], hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json_of(capsys, train, "pea", "--lang", "yo", *TINY, "--base", str(original("pixart")), "--dry-run")
    assert found["stages"][-1]["memory"]["activations"] > 0


@pytest.mark.slow
def test_a_step_of_stable_diffusion_1_5_takes_no_more_than_it_did(
    xlm_r: Path, tmp_path: Path, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    base = save_sd15(tmp_path / "sd15-sizes", clip_tokenizer())
    asked = ("mulan", "--recipe", "mulan-sd15", "--base", str(base), "--encoder", str(xlm_r), "--accumulate", "32")
    found = json_of(capsys, train, *asked, *MILLION)
    memory = found["stages"][-1]["memory"]
    assert memory["denoiser"] == 2 * 859_520_964
    assert memory["activations"] < 0.85 * GB * 8, "grew: it was .8 GB an image"
    assert found["stages"][-1]["activations_otherwise"] < 0.3 * GB * 8


@pytest.mark.parametrize("method", ["mclip", "mclip+", "mte"])
def test_methods_for_a_dual_encoder_have_a_forecast(
    method: str, hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json_of(capsys, train, method, "--lang", "yo", *DUAL, "--dry-run")
    assert all(each["memory"]["dual encoder"] for each in found["stages"][1:])


def test_a_batch_that_cannot_be_split_is_told_before_it_runs(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    found = json_of(capsys, train, "token-kd", "--lang", "yo", *TINY, "--dry-run", "--accumulate", "5")
    assert any("cannot be split evenly" in each for each in found["refused"])


def test_a_method_that_does_not_fit_the_base_is_refused_as_by_a_run(
    sdxl: Path, encoder_folder: Path, hub: LocalHub
) -> None:
    with pytest.raises(DoesNotFit, match="is not one: train"):
        run(train, "prompt-tuning", "--base", str(sdxl), "--encoder", str(encoder_folder), *MILLION)


def test_pairs_can_only_be_planned(hub: LocalHub) -> None:
    with pytest.raises(InvalidRequest, match="needs `--dry-run`"):
        run(train, "mulan", "--lang", "yo", *TINY, "--pairs", "5")


def test_8_bits_make_the_linear_layers_of_the_denoiser_smaller(
    hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("pea", "--base", "tiny-sd", "--encoder", "tiny-xlmr", "--corpus", "toy", "--lang", "yo", "--dry-run")
    whole, quantised = (
        json_of(capsys, train, *asked, *more)["stages"][-1]["memory"]["denoiser"]
        for more in ((), ("--set", "quantise=8bit"))
    )
    assert 0.5 * whole < quantised < whole
    with pytest.raises(InvalidRequest, match="must be 8bit or no"):
        run(train, *asked, "--set", "quantise=2bit")
