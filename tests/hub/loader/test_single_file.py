"""A single-file checkpoint loads with the configuration of the base that has its layout, offline, and a module reads on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from hub.errors import DoesNotFit, HubError, InvalidRequest, InvalidSource, UnknownBase, Unreachable
from hub.home import Home
from hub.loader import load_pipeline
from hub.local import LocalHub
from tests.builders.models.ldm import save_single_file
from tests.builders.models.originals import WIDTH, save_original
from tests.builders.upstream.cache import CLOSED, seed, write

REPOSITORY = "stable-diffusion-v1-5/stable-diffusion-v1-5"
"""Where diffusers looks for the configuration of a checkpoint of Stable Diffusion 1."""


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", CLOSED)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, base_folder: Path) -> Path:
    return save_original("sd15", tmp_path_factory.mktemp("single") / "base", base_folder / "tokenizer")


@pytest.fixture(scope="module")
def checkpoint(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pipe = StableDiffusionPipeline.from_pretrained(base, use_safetensors=True)
    return save_single_file(pipe, tmp_path_factory.mktemp("single") / "model.safetensors")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    conditioning = {"width": WIDTH}
    write(tmp_path / "cards" / "bases" / "sd15", "base", REPOSITORY, "model_index.json", conditioning=conditioning)
    with LocalHub.open(Home(tmp_path / "registry.db", tmp_path / "home", tmp_path / "cards", "ade")) as opened:
        yield opened


@pytest.fixture
def load(hub: LocalHub) -> Callable[..., Any]:
    def loaded(base: str | Path, **settings: Any) -> Any:
        pipe = load_pipeline(base, hub=hub, device="cpu", **settings)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    return loaded


def images(pipe: Any) -> torch.Tensor:
    generator = torch.manual_seed(0)
    return torch.from_numpy(pipe("dog", num_inference_steps=2, output_type="np", generator=generator).images)


def test_a_checkpoint_generates_the_same_as_its_folder(load: Any, base: Path, checkpoint: Path, offline: Path):
    seed(offline, REPOSITORY, base)
    expected = images(load(base))
    torch.testing.assert_close(images(load(checkpoint)), expected)
    torch.testing.assert_close(images(load(str(checkpoint), config="sd 1.5")), expected)


def test_a_given_configuration_needs_no_cache(load: Any, base: Path, checkpoint: Path):
    torch.testing.assert_close(images(load(checkpoint, config=base)), images(load(base)))


def test_a_checkpoint_takes_a_module_and_half_precision(load: Any, base: Path, checkpoint: Path, tmp_path: Path):
    from tests.builders.models.families import save_encoder, save_module

    encoder = save_encoder(tmp_path / "encoder")
    module = save_module("stable-diffusion", tmp_path / "module", encoder)
    pipe = load(checkpoint, config=base, adapter=module, encoder=encoder, dtype=torch.bfloat16)
    assert pipe.get_active_adapters() == ["module"]
    assert pipe.unet.dtype == pipe.text_encoder.dtype == torch.bfloat16


def without_text(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: value for key, value in weights.items() if not key.startswith("cond_stage_model")}


def a_lora(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"lora_unet_down.lora_up.weight": torch.zeros(2, 2)}


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (a_lora, InvalidRequest, r"is not a checkpoint of a whole pipeline: it has `lora_unet_down.*`pipe\.load_lora_weights`"),
        (without_text, InvalidSource, r"cannot be loaded as a stable-diffusion pipeline: .*CLIPTextModel.*`config=`"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_a_whole_pipeline_is_one_line(
    change: Any, error: type[HubError], said: str, load: Any, base: Path, checkpoint: Path, tmp_path: Path
):
    save_file(change(load_file(checkpoint)), tmp_path / "other.safetensors")
    with pytest.raises(error, match=said) as caught:
        load(tmp_path / "other.safetensors", config=base)
    assert "\n" not in str(caught.value)


def test_a_pickle_a_missing_file_and_a_missing_configuration_are_one_line(
    load: Any, checkpoint: Path, tmp_path: Path, base_folder: Path
):
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x02")
    for name, error, said in (
        (tmp_path / "old.ckpt", InvalidSource, r"`old\.ckpt` is a pickle.*`StableDiffusionPipeline\.from_single_file"),
        (tmp_path / "none.safetensors", InvalidRequest, r"no file is called `.*none\.safetensors`"),
        (checkpoint, Unreachable, r"`sd15` is not on this machine: stable-diffusion-v1-5/.*`hub pull sd15`"),
    ):
        with pytest.raises(error, match=said) as caught:
            load(name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UnknownBase, match="`sd16`"):
        load(checkpoint, config="sd16")


def test_a_checkpoint_of_another_layout_than_its_configuration_is_refused(load: Any, checkpoint: Path, xl_folder: Path):
    with pytest.raises((InvalidSource, DoesNotFit)) as caught:
        load(checkpoint, config=xl_folder)
    assert "\n" not in str(caught.value)
