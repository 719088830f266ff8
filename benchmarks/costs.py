"""Count what images and training cost on full-size bases, as `hub recommend` and `hub parity` tell.

python -m benchmarks.costs > hub/advice/costs.csv

Nothing is measured, and no weights are read. Operations of an image are counted on the denoiser's class without weights, whose number
of parameters must be that of the base's card, and multiplied by the steps and passes of the pipeline's defaults; the autoencoder
and the text encoders are left out. Operations of a run are those of `hub train --dry-run`. The lab's image was measured (see
docs/train/training.md). Takes half an hour on one core, most of it for the forecasts.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

METHODS = (
    "memory",
    "mulan",
    "pea",
    "bottleneck",
    "token-kd",
    "translate",
    "lora",
    "prompt-tuning",
    "iap",
    "altdiffusion",
    "full",
)
"""Those of hub/advice/methods.yaml."""
WITHOUT_ENCODER = {"translate", "lora", "prompt-tuning"}
PAIRS = 1_000_000
LAB_SECONDS = 20 / 17
"""17 images take 20 s of one core."""


def images() -> Iterator[tuple[str, float, int]]:
    """Yield each base with the operations of an image, in 10¹², and its steps."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from hub.local import LocalHub

    with LocalHub.open() as hub:
        for base, (make, steps, passes) in denoisers().items():
            with torch.device("meta"):
                model, inputs = make()
                with torch.no_grad(), FlopCounterMode(display=False) as counter:
                    model(**inputs, return_dict=False)
            learned = sum(each.numel() for each in model.parameters())
            stored = sum(each.numel() for each in model.state_dict().values())  # With tables of positions.
            assert _parameters(hub, base) in {learned, stored}, f"{base}: its card has not {learned:,} parameters"
            yield base, counter.get_total_flops() * steps * passes / 1e12, steps


def _parameters(hub: Any, base: str) -> int:
    """Return the parameters of the denoiser, as the card states them."""
    from hub.cards import read_card

    card = read_card(hub.home.cards / "bases" / base / "README.md", hub.registry.get(base).name)
    return dict(card.parameters).get("unet") or dict(card.parameters)["transformer"]


def denoisers() -> dict[str, tuple[Callable[[], tuple[Any, dict[str, Any]]], int, int]]:
    """Return base → a function that makes its denoiser and the inputs of one image, its steps, and passes per step."""
    import diffusers
    import torch

    from tests.builders.models.published_sizes import UNET

    def zeros(*shape: int) -> Any:
        return torch.zeros(*shape, device="meta")

    def unet(latents: int, width: int, inputs: dict[str, Any] | None = None, **settings: Any) -> Any:
        common = {name: value for name, value in UNET.items() if not name.startswith("_")}
        model = diffusers.UNet2DConditionModel(**common, sample_size=latents, cross_attention_dim=width, **settings)
        return model, {
            "sample": zeros(1, 4, latents, latents), "timestep": 1, "encoder_hidden_states": zeros(1, 77, width), **(inputs or {}),
        }  # fmt: skip

    sd = {
        "down_block_types": [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"], "block_out_channels": [320, 640, 1280, 1280],
        "up_block_types": ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3],
    }  # fmt: skip
    xl = {
        "block_out_channels": [320, 640, 1280], "attention_head_dim": [5, 10, 20], "transformer_layers_per_block": [1, 2, 10],
        "use_linear_projection": True, "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816, "down_block_types": ["DownBlock2D", *["CrossAttnDownBlock2D"] * 2],
        "up_block_types": [*["CrossAttnUpBlock2D"] * 2, "UpBlock2D"],
    }  # fmt: skip

    def pixart(length: int) -> Any:
        model = diffusers.PixArtTransformer2DModel(
            sample_size=128, num_layers=28, attention_head_dim=72, num_attention_heads=16, in_channels=4, out_channels=8,
            cross_attention_dim=1152, caption_channels=4096, norm_type="ada_norm_single", use_additional_conditions=False,
        )  # fmt: skip
        added = {"resolution": None, "aspect_ratio": None}
        return model, {
            "hidden_states": zeros(1, 4, 128, 128), "timestep": zeros(1), "encoder_hidden_states": zeros(1, length, 4096),
            "added_cond_kwargs": added,
        }  # fmt: skip

    def sd3(size: int, places: int, dual: tuple[int, ...], norm: str | None) -> Any:
        model = diffusers.SD3Transformer2DModel(
            sample_size=128, patch_size=2, in_channels=16, num_layers=size, attention_head_dim=64, num_attention_heads=size,
            joint_attention_dim=4096, caption_projection_dim=64 * size, pooled_projection_dim=2048, out_channels=16,
            pos_embed_max_size=places, dual_attention_layers=dual, qk_norm=norm,
        )  # fmt: skip
        return model, {
            "hidden_states": zeros(1, 16, 128, 128), "timestep": zeros(1), "encoder_hidden_states": zeros(1, 333, 4096),
            "pooled_projections": zeros(1, 2048),
        }  # fmt: skip

    def tokens(model: Any, **more: Any) -> Any:
        return model, {
            "hidden_states": zeros(1, 4096, 64), "timestep": zeros(1), "encoder_hidden_states": zeros(1, 512, 4096),
            "img_ids": zeros(4096, 3), "txt_ids": zeros(512, 3), **more,
        }  # fmt: skip

    def squares(model: Any, channels: int, side: int, length: int, width: int) -> Any:
        return model, {
            "hidden_states": zeros(1, channels, side, side), "timestep": zeros(1), "encoder_hidden_states": zeros(1, length, width),
        }  # fmt: skip

    added = {"added_cond_kwargs": {"text_embeds": zeros(1, 1280), "time_ids": zeros(1, 6)}}
    flux = diffusers.FluxTransformer2DModel
    return {
        "sd15": (lambda: unet(64, 768, attention_head_dim=8, **sd), 50, 2),
        "sd21": (lambda: unet(96, 1024, attention_head_dim=[5, 10, 20, 20], use_linear_projection=True, **sd), 50, 2),
        "sdxl": (lambda: unet(128, 2048, added, **xl), 50, 2),
        "pixart-sigma": (lambda: pixart(300), 20, 2),
        "sd3-medium": (lambda: sd3(24, 192, (), None), 28, 2),
        "sd35-medium": (lambda: sd3(24, 384, tuple(range(13)), "rms_norm"), 28, 2),
        "sd35-large": (lambda: sd3(38, 192, (), "rms_norm"), 28, 2),
        "flux1-dev": (lambda: tokens(flux(guidance_embeds=True), guidance=zeros(1), pooled_projections=zeros(1, 768)), 28, 1),
        "flux1-schnell": (lambda: tokens(flux(guidance_embeds=False), pooled_projections=zeros(1, 768)), 28, 1),
        "chroma1-hd": (lambda: tokens(diffusers.ChromaTransformer2DModel()), 35, 2),
        "sana": (lambda: squares(diffusers.SanaTransformer2DModel(), 32, 32, 300, 2304), 20, 2),
        "auraflow": (lambda: squares(diffusers.AuraFlowTransformer2DModel(), 4, 128, 256, 2048), 50, 2),
    }  # fmt: skip


def forecasts(folder: Path) -> Iterator[tuple[str, str, float, int]]:
    """Yield each method and base with the operations of a run, in 10¹², and its updates, of those that `hub train` accepts."""
    from benchmarks.full_size import clip_tokenizer
    from hub.cli import main
    from hub.local import LocalHub
    from tests.builders.models.published_sizes import save_sd15, save_sdxl, save_xlm_r_large

    with LocalHub.open() as hub:
        tokenizer = hub.snapshot("emoji-xlmr")
    encoder = save_xlm_r_large(folder / "xlm-r-large", tokenizer)
    for base, save in (("sd15", save_sd15), ("sdxl", save_sdxl)):
        published = save(folder / f"{base}-sizes", clip_tokenizer())
        for method in METHODS:
            command = [
                "train",
                method,
                "--base",
                str(published),
                "--lang",
                "yo",
                "--pairs",
                str(PAIRS),
                "--dry-run",
                "--json",
            ]
            command += [] if method in WITHOUT_ENCODER else ["--encoder", str(encoder)]
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                code = main(command)
            if code == 0:
                found = json.loads(said.getvalue())
                yield method, base, found["flops"] / 1e12, sum(each["steps"] for each in found["stages"])


def main() -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("what", "base", "teraflop", "seconds", "steps", "source"))
    for base in ("emoji-sd", "emoji-dit"):
        writer.writerow(
            (
                "image",
                base,
                "",
                f"{LAB_SECONDS:.2f}",
                20,
                "docs/train/training.md: 17 images take about 20 s of one core",
            )
        )
    for base, teraflop, steps in images():
        writer.writerow(("image", base, f"{teraflop:.1f}", "", steps, "python -m benchmarks.costs, counted"))
    with tempfile.TemporaryDirectory() as folder:
        for method, base, teraflop, steps in forecasts(Path(folder)):
            source = f"hub train {method} --base {base} --lang yo --pairs {PAIRS} --dry-run, counted"
            writer.writerow((method, base, f"{teraflop:.1f}", "", steps, source))


if __name__ == "__main__":
    main()
