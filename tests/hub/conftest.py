"""A whole tiny world of the real classes, with random weights: a base, two encoders, modules for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hub.home import Home
from hub.local import LocalHub
from tests.builders.upstream.cache import gated
from tests.builders.upstream.pickles import world
from tests.builders.upstream.tiny_hub import tiny_hub

__all__ = ["gated", "tiny_hub", "world"]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Small tensors on one thread: more of them wait for each other."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `StableDiffusionPipeline` for 16-pixel images, float16 on disk."""
    from tests.builders.models.tiny import save_base

    return save_base(tmp_path_factory.mktemp("bases") / "tiny-sd")


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An XLM-R with a unigram vocabulary, float16 on disk."""
    from tests.builders.models.tiny import make_encoder

    return make_encoder(tmp_path_factory.mktemp("encoders") / "tiny-xlmr", seed=1)


@pytest.fixture
def another_encoder(tmp_path: Path) -> Path:
    """The same shape as `encoder_folder`, other weights."""
    from tests.builders.models.tiny import make_encoder

    return make_encoder(tmp_path / "another-xlmr", seed=9)


@pytest.fixture
def make_module(tmp_path: Path, encoder_folder: Path) -> Callable[..., Path]:
    """A factory of artifact folders with one variant, `tiny-sd`."""
    from tests.builders.models.tiny import save_module

    return partial(save_module, tmp_path / "modules", encoder_folder)


@pytest.fixture(scope="session")
def load_base_once(base_folder: Path) -> Callable[..., Any]:
    """`load_base` that loads the tiny base from its files once in each type, and then returns copies, in a third of the time."""
    import copy

    from hub.loader.load_base import load_base

    kept: dict[Any, Any] = {}

    def loaded(base: Any, pipeline_class: Any, device: Any, dtype: Any, settings: Any, quantisation: Any = None) -> Any:
        if base.folder != base_folder or device.type != "cpu" or settings or quantisation is not None:
            return load_base(base, pipeline_class, device, dtype, settings, quantisation)
        key = (pipeline_class, dtype)
        if key not in kept:
            kept[key] = load_base(base, pipeline_class, device, dtype, {})
        return copy.deepcopy(kept[key])

    return loaded


@pytest.fixture
def load(
    base_folder: Path, encoder_folder: Path, load_base_once: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """`load_pipeline` on the tiny base, quiet."""
    from hub.loader import load_pipeline

    monkeypatch.setattr("hub.loader.pipeline.load_base", load_base_once)

    def loaded(adapter: Any = None, **settings: Any) -> Any:
        given = {"encoder": encoder_folder, "device": "cpu"} | settings
        pipe = load_pipeline(given.pop("base", base_folder), adapter, **given)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    return loaded


@pytest.fixture
def local_hub(
    tmp_path: Path, base_folder: Path, encoder_folder: Path, make_module: Callable[..., Path]
) -> Iterator[Any]:
    """An installation that holds `tiny-sd`, `tiny-xlmr` and `mulan-yo`, published."""
    from tests.builders.models.tiny import push

    (tmp_path / "cards").mkdir()
    with LocalHub.open(
        Home(tmp_path / "home" / "registry.db", tmp_path / "home", tmp_path / "cards", "linguahub")
    ) as hub:
        push(hub, "tiny-sd", base_folder, tmp_path, kind="base", language="en")
        push(hub, "tiny-xlmr", encoder_folder, tmp_path, kind="encoder", language="mul")
        push(hub, "mulan-yo", make_module("mulan-yo"), tmp_path, kind="adapter", language="yo")
        yield hub


@pytest.fixture(scope="session")
def draw() -> Callable[..., Any]:
    """Images of a pipeline as a tensor (B, H, W, 3), two steps, seeded."""
    import torch

    def drawn(pipe: Any, prompt: Any, *, seed: int = 7, **settings: Any) -> torch.Tensor:
        given = {"num_inference_steps": 2, "guidance_scale": 3.0, "output_type": "np"} | settings
        return torch.from_numpy(pipe(prompt, generator=torch.Generator().manual_seed(seed), **given).images)

    return drawn


@pytest.fixture
def work_folder(local_hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command line's home is `local_hub`'s; it works in an empty folder."""
    monkeypatch.setenv("HUB_HOME", str(local_hub.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(local_hub.home.cards))
    monkeypatch.setenv("HUB_OWNER", "linguahub")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture(scope="session")
def xl_folder(tmp_path_factory: pytest.TempPathFactory, base_folder: Path) -> Path:
    """A tiny Stable Diffusion XL."""
    from tests.builders.models.originals import save_original

    return save_original("sdxl", tmp_path_factory.mktemp("bases") / "tiny-xl", base_folder / "tokenizer")


@pytest.fixture
def internvl(tmp_path: Path) -> Path:
    """A repository in InternVL's layout whose vision file is not there."""
    from tests.builders.models.internvl import save_internvl

    return save_internvl(tmp_path / "internvl")
