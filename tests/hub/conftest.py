"""A whole tiny world of the real classes, with random weights: a base, two encoders, modules for it."""

from __future__ import annotations

import shutil
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


@pytest.fixture
def load(base_folder: Path, encoder_folder: Path) -> Callable[..., Any]:
    """`load_pipeline` on the tiny base, quiet."""
    from hub.loader import load_pipeline

    def loaded(adapter: Any = None, **settings: Any) -> Any:
        given = {"encoder": encoder_folder, "device": "cpu"} | settings
        pipe = load_pipeline(given.pop("base", base_folder), adapter, **given)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    return loaded


@pytest.fixture(scope="session")
def filled_home(tmp_path_factory: pytest.TempPathFactory, base_folder: Path, encoder_folder: Path) -> Path:
    """A folder with an installation, `home`, and what was published there, `pushed`. Copying it saves 0.2 s."""
    from tests.builders.models.tiny import push, save_module

    scratch = tmp_path_factory.mktemp("filled")
    with _open_home(scratch) as hub:
        push(hub, "tiny-sd", base_folder, scratch, kind="base", language="en")
        push(hub, "tiny-xlmr", encoder_folder, scratch, kind="encoder", language="mul")
        module = save_module(scratch / "modules", encoder_folder, "mulan-yo")
        push(hub, "mulan-yo", module, scratch, kind="adapter", language="yo")
    return scratch


@pytest.fixture
def local_hub(tmp_path: Path, filled_home: Path) -> Iterator[LocalHub]:
    """An installation that holds `tiny-sd`, `tiny-xlmr` and `mulan-yo`, published from folders in `pushed`."""
    for name in ("home", "modules", "pushed"):
        shutil.copytree(filled_home / name, tmp_path / name)
    with _open_home(tmp_path) as hub:
        yield hub


def _open_home(folder: Path) -> LocalHub:
    """Open the installation `home` in `folder`, with an empty folder of cards beside it."""
    (folder / "cards").mkdir()
    home = Home(folder / "home" / "registry.db", folder / "home", folder / "cards", "linguahub")
    return LocalHub.open(home)


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
