"""`hub train` with crops and buckets: it resumes exactly, is forecast, and what does not fit is refused before the first step."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from hub.bases.families.stable_diffusion_xl import FrozenSDXL
from hub.errors import DoesNotFit, HubError, InvalidRequest
from hub.local import LocalHub
from tests.builders.training.commands import json_of, run
from tests.builders.training.flow_bases import FLOWS, PIXELS, save_flow_base
from tests.builders.training.shaped_images import COLUMNS, shaped_folder
from trainers.cache_command import cache
from trainers.cli import train
from trainers.inputs.feature_cache import list_cached
from trainers.inputs.latents.image_latents import ImageLatents
from trainers.loop import checkpoint

CROPPED = ("--set", "random_crops=2", "--set", "random_flip=true", "--set", "aspect_buckets=true")


@pytest.fixture
def asked(hub: LocalHub, original: Callable[[str], Path], tmp_path: Path) -> Callable[..., tuple[str, ...]]:
    """Return the options of a run on images of several shapes."""
    folder = shaped_folder(tmp_path / "own")

    def options(base: str | Path = "sdxl", cropped: tuple[str, ...] = CROPPED) -> tuple[str, ...]:
        return (
            "--base", str(base if isinstance(base, Path) else original(base)), "--encoder", "tiny-xlmr", "--corpus", str(folder),
            *COLUMNS, "--lang", "yo", "--device", "cpu", "--set", "batch_size=4", *cropped,
        )  # fmt: skip

    return options


def test_a_run_in_buckets_resumes_exactly_and_names_a_crop_setting_that_differs(
    asked: Callable[..., tuple[str, ...]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shapes: list[torch.Size] = []
    read = ImageLatents.read

    def listen(*arguments: Any) -> Any:
        batch = read(*arguments)
        shapes.append(batch.latents_BKHW.shape)
        return batch

    monkeypatch.setattr(ImageLatents, "read", listen)
    out, kept, save = tmp_path / "run", tmp_path / "kept", checkpoint.save

    def keep_fifth(folder: Path, at: checkpoint.Checkpoint, *arguments: Any, **settings: Any) -> Path:
        path = save(folder, at, *arguments, **settings)
        if at.step == 5:
            shutil.copyfile(path, kept)
        return path

    monkeypatch.setattr(checkpoint, "save", keep_fifth)
    command = ("mulan", *asked(), "--steps", "10", "--out", str(out), "--no-evaluate", "--set", "distil.steps=1",
               "--set", "denoise.steps=9", "--accumulate", "2")  # fmt: skip
    whole = json_of(capsys, train, *command)
    assert len(shapes) == 18
    assert len({*shapes}) > 1
    assert {shape[0] for shape in shapes} == {2}
    (place,) = out.glob("1-*")
    expected = load_file(place / "module.safetensors")
    for old in (place / "finished.json", place / "module.safetensors", *place.glob("checkpoint-*")):
        old.unlink()
    kept.rename(place / "checkpoint-0000005.safetensors")
    before = shapes.copy()
    shapes.clear()
    again = json_of(capsys, train, *command, "--resume")
    assert shapes == before[2 * 5 :], "as from the fifth step on"
    assert again["losses"].keys() == whole["losses"].keys()
    found = load_file(place / "module.safetensors")
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    with pytest.raises(InvalidRequest, match=r"\(changes\.everywhere\.random_crops 2 → 3\)"):
        run(train, *command, "--resume", "--set", "random_crops=3")
    with pytest.raises(InvalidRequest, match=r"\(changes\.everywhere\.aspect_buckets True → False\)"):
        run(train, *command, "--resume", "--set", "aspect_buckets=false")


@pytest.mark.parametrize("base", ["sd15", "pixart"])
def test_families_whose_denoiser_takes_any_shape_train_in_buckets(
    base: str, asked: Callable[..., tuple[str, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for method in ("pea", "full") if base == "sd15" else ("pea",):
        json_of(capsys, train, method, *asked(base), "--steps", "4", "--out", str(tmp_path / method), "--no-evaluate")


@pytest.mark.parametrize("family", FLOWS)
def test_other_families_are_refused_in_one_line_and_train_with_crops(
    family: str, asked: Callable[..., tuple[str, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("hub.bases.sizes.SIDE", PIXELS)
    base, out = save_flow_base(family, tmp_path / "bases"), tmp_path / "run"
    command = ("mulan", *asked(base), "--steps", "2", "--out", str(out), "--no-evaluate")
    with pytest.raises(
        DoesNotFit, match="`aspect_buckets` is for .*stable-diffusion-xl.* on square images alone: omit it"
    ) as caught:
        run(train, *command)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    if family in {"stable-diffusion-3", "cogview4", "flux2-klein"}:
        run(train, *command, "--set", "aspect_buckets=false")


def test_the_forecast_has_the_disk_of_all_crops_and_the_memory_of_the_largest_bucket(
    asked: Callable[..., tuple[str, ...]], hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "one-phase.yaml"
    recipe.write_text("method: mulan\nphases: {denoise: {precision: no}}")
    command = ("mulan", *asked(), "--recipe", str(recipe))
    run(cache, *command)
    cached = [each for each in list_cached(hub.home.caches) if each.label == "latents of images"]
    assert sum(each.shape[0] for each in cached) == 2 * 12
    capsys.readouterr()

    def forecast(*more: str) -> tuple[int, int]:
        found = json_of(capsys, train, *command, "--dry-run", *more)
        return found["disk"]["latents"], found["stages"][-1]["memory"]["activations"]

    disk, memory = forecast()
    assert disk == sum(each.size_bytes - 128 for each in cached)
    planned, square = forecast("--pairs", "8192")
    assert planned == 8192 * 2 * 4 * 8 * 8 * 4
    assert memory == square, "no bucket is larger than the square"
    tall = shaped_folder(tmp_path / "tall", shapes=[(60, 30), (66, 33)])
    assert forecast("--corpus", str(tall))[1] < 0.97 * square, "40 × 24 pixels are fewer than 32 × 32"


@pytest.mark.parametrize(
    ("method", "more", "message"),
    [
        ("token-kd", (), "`token-kd` encodes no images for a denoiser: omit `center_crop`"),
        ("mulan", ("--set", "center_crop=true"), "choose one of the two"),
        ("mulan", ("--set", "random_crops=-1"), "`random_crops` must be 0 or more, not -1"),
        ("mulan", ("--corpus", "toy"), "the corpus `toy` does not provide the sizes of its images"),
    ],
)
def test_invalid_requests_are_refused_before_anything_is_opened(
    method: str, more: tuple[str, ...], message: str, asked: Callable[..., tuple[str, ...]], tmp_path: Path
) -> None:
    with pytest.raises(HubError, match=message) as caught:
        run(train, method, *asked(), *more, "--out", str(tmp_path / "run"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_family_of_another_distribution_whose_predict_takes_no_sizes_is_refused(
    asked: Callable[..., tuple[str, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FrozenSDXL, "predict", lambda _base, _noisy, _steps, _states, _pooled, _mask: None)
    with pytest.raises(DoesNotFit, match="takes no `sizes_B6`: omit"):
        run(train, "mulan", *asked(), "--out", str(tmp_path / "run"))


def test_phases_that_share_latents_share_their_crops(asked: Callable[..., tuple[str, ...]], tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="share them: set `center_crop`"):
        run(
            train,
            "altdiffusion",
            *asked(cropped=()),
            "--set",
            "quality.random_flip=true",
            "--out",
            str(tmp_path / "run"),
        )
