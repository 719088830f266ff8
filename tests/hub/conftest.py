"""A whole tiny world of the real classes, with random weights: a base, two encoders, modules for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.builders.models.tiny import ENCODER_WIDTH, LENGTH, WIDTH, clip_tokenizer, make_encoder, push


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `StableDiffusionPipeline` for 16-pixel pictures, float16 on disk."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    tokenizer = clip_tokenizer()
    text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=LENGTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=16,
    )
    folder = tmp_path_factory.mktemp("bases") / "tiny-sd"
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.to(torch.float16).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An XLM-R with a unigram vocabulary, float16 on disk."""
    return make_encoder(tmp_path_factory.mktemp("encoders") / "tiny-xlmr", seed=1)


@pytest.fixture
def another_encoder(tmp_path: Path) -> Path:
    """The same shape as `encoder_folder`, other weights."""
    return make_encoder(tmp_path / "another-xlmr", seed=9)


@pytest.fixture
def make_module(tmp_path: Path, encoder_folder: Path) -> Callable[..., Path]:
    """A factory of artifact folders with one variant, `tiny-sd`."""

    def make(
        name: str,
        languages: tuple[str, ...] = ("yo",),
        *,
        seed: int = 2,
        architecture: str = "resampler",
        **changes: Any,
    ) -> Path:
        from hub.systems.architectures import build
        from hub.weights.digest import digest_of
        from hub.weights.strict import save_weights

        torch.manual_seed(seed)
        sizes: dict[str, Any] = {"in_width": ENCODER_WIDTH, "out_width": WIDTH}
        if architecture == "resampler":
            sizes |= {"queries": LENGTH, "heads": 4}
        else:
            sizes |= {"hidden_width": 20, "linears": 3}
        length = LENGTH if architecture == "resampler" else 12
        config: dict[str, Any] = {
            "format": 1,
            "kind": "adapter",
            "method": "mulan" if architecture == "resampler" else "pea",
            "architecture": architecture,
            "module": sizes | changes.pop("module", {}),
            "base": {"name": "linguahub/tiny-sd", "digest": ""},
            "encoder": {
                "name": "linguahub/tiny-xlmr",
                "digest": digest_of(encoder_folder),
                "readout": "last_hidden_state",
            },
            "conditioning": {"width": WIDTH, "length": length, "pooled_width": None, "mask": False},
            "prompt": {
                "prefix": "",
                "drop": [],
                "length": 12,
                "negative": {"prefix": "", "drop": [], "length": 12},
                "empty": "encode",
            },
            "languages": list(languages),
            "run": {},
            "parent": "",
        }
        for key, value in changes.items():
            config[key] = {**config[key], **value} if isinstance(value, dict) else value
        folder = tmp_path / "modules" / name
        variant = folder / "tiny-sd"
        save_weights(build(architecture, config["module"]), variant / "model.safetensors", torch.float16)
        (variant / "config.json").write_text(json.dumps(config))
        return folder

    return make


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


@pytest.fixture
def local_hub(
    tmp_path: Path, base_folder: Path, encoder_folder: Path, make_module: Callable[..., Path]
) -> Iterator[Any]:
    """An installation that holds `tiny-sd`, `tiny-xlmr` and `mulan-yo`, published."""
    from hub.home import Home
    from hub.local import LocalHub

    (tmp_path / "cards").mkdir()
    with LocalHub.open(
        Home(tmp_path / "home" / "registry.db", tmp_path / "home", tmp_path / "cards", "linguahub")
    ) as hub:
        push(hub, "tiny-sd", base_folder, tmp_path, kind="base", language="en")
        push(hub, "tiny-xlmr", encoder_folder, tmp_path, kind="encoder", language="mul")
        push(hub, "mulan-yo", make_module("mulan-yo"), tmp_path, kind="adapter", language="yo")
        yield hub


@pytest.fixture(scope="session")
def draw() -> Callable[..., torch.Tensor]:
    """Pictures of a pipeline as a tensor (B, H, W, 3), two steps, seeded."""

    def drawn(pipe: Any, prompt: Any, *, seed: int = 7, **settings: Any) -> torch.Tensor:
        given = {"num_inference_steps": 2, "guidance_scale": 3.0, "output_type": "np"} | settings
        return torch.from_numpy(pipe(prompt, generator=torch.Generator().manual_seed(seed), **given).images)

    return drawn


@pytest.fixture
def home(local_hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command line's home is `local_hub`'s; it works in an empty folder."""
    monkeypatch.setenv("HUB_HOME", str(local_hub.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(local_hub.home.cards))
    monkeypatch.setenv("HUB_OWNER", "linguahub")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work
