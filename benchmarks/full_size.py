"""Build a full-size Stable Diffusion 1.5, a wide text encoder and MuLan's adapter: the real classes with random weights.

`scratch` writes them to a temporary folder, or to a given folder that stays.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WIDTH, LENGTH = 768, 77
"""Conditioning width of SD 1.5's UNet."""
ENCODER_WIDTH = 4096
"""Width of InternVL's QLLaMA, which MuLan's adapters read."""
LANGUAGES = ("yo", "sw", "hi", "zh", "ar", "ta", "ko", "am")


def arguments(description: str | None) -> argparse.Namespace:
    """Parse the options of every full-size benchmark."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--scratch", type=Path, help="folder for the weights, kept for the next run (default: a temporary folder)"
    )
    return parser.parse_args()


@contextmanager
def scratch(kept: Path | None) -> Iterator[Path]:
    """Yield a folder for weights: `kept` itself, or a temporary one."""
    folder = kept or Path(tempfile.mkdtemp(prefix="full-size-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        if kept is None:
            shutil.rmtree(folder)


def base(folder: Path) -> Path:
    """Save SD 1.5 in fp16: 860M parameters in the UNet, 84M in the autoencoder, 123M in the text encoder; 2.13 GB."""
    made = folder / "sd15"
    if (made / "model_index.json").is_file():
        return made
    import torch
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=64, cross_attention_dim=WIDTH, attention_head_dim=8
        )  # other settings are those of SD 1.5
        unet = UNet2DConditionModel(**{**unet.config, "block_out_channels": (320, 640, 1280, 1280)})
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            sample_size=512,
        )
        text = CLIPTextModel(
            CLIPTextConfig(hidden_size=WIDTH, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        )
    pipe = StableDiffusionPipeline(
        vae=randomise(vae),
        text_encoder=randomise(text),
        tokenizer=clip_tokenizer(),
        unet=randomise(unet),
        scheduler=PNDMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(made)
    os.sync()
    return made


def randomise(module: Any, scale: float = 0.02) -> Any:
    """Move a module from `meta` to the CPU in fp16, with small random weights; position ids keep their values."""
    import torch

    module = module.half().to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for key, value in module.named_parameters():
        if value.dim() == 1:
            value.data.fill_(0.0 if key.endswith("bias") else 1.0)  # norms as at initialisation
        else:
            value.data.normal_(0, scale, generator=generator)
    for key, value in module.named_buffers():
        if key.endswith("position_ids"):
            value.copy_(torch.arange(value.shape[-1])[None])
        elif value.is_floating_point() or value.dtype == torch.long:
            value.zero_()
    return module.eval()


def clip_tokenizer() -> Any:
    """Return a tokenizer as large as CLIP's: 49,408 pieces, 48,894 merges."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    alphabet = sorted(ByteLevel.alphabet())
    pieces = [*alphabet, *(f"{each}</w>" for each in alphabet)]
    merges = []
    for first in pieces[:256]:
        for second in pieces[:192]:
            if len(merges) < 48_894:
                merges.append((first, second))
                pieces.append(first + second)
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={piece: place for place, piece in enumerate(pieces)}, merges=merges, model_max_length=LENGTH
    )


def encoder(folder: Path, width: int = ENCODER_WIDTH) -> Path:
    """Save an XLM-R with one layer and `width`: its cost is not measured."""
    made = folder / f"encoder-{width}"
    if (made / "config.json").is_file():
        return made
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizer

    letters = sorted(set("abcdefghijklmnopqrstuvwxyz"))
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    tokenizer = XLMRobertaTokenizer(vocab=[*special, ("▁", -3.0), *((letter, -6.0) for letter in letters)])
    with torch.device("meta"):
        model = XLMRobertaModel(
            XLMRobertaConfig(
                vocab_size=len(tokenizer), hidden_size=width, intermediate_size=width, num_hidden_layers=1,
                num_attention_heads=8, max_position_embeddings=128, type_vocab_size=1, pad_token_id=1,
            ),
            add_pooling_layer=False,
        )  # fmt: skip
    randomise(model).save_pretrained(made)
    tokenizer.save_pretrained(made)
    return made


def adapters(
    folder: Path, count: int, *, width: int = WIDTH, in_width: int = ENCODER_WIDTH, queries: int = 120, heads: int = 8
) -> list[Path]:
    """Save `count` modules of MuLan's shape in fp16, with 20.4M parameters each for SD 1.5, for the languages in turn.

    They link to one file of weights, so that the disk need not hold it 64 times; reading it costs the same.
    """
    import torch

    from hub.systems.architectures import build
    from hub.weights.strict import save_weights

    sizes = {"in_width": in_width, "out_width": width, "queries": queries, "heads": heads}
    weights = folder / f"resampler-{in_width}-{width}-{queries}.safetensors"
    if not weights.is_file():
        torch.manual_seed(0)
        save_weights(build("resampler", sizes), weights, torch.float16)
    made = []
    for number in range(count):
        variant = folder / f"adapter-{width}-{number}"
        variant.mkdir(exist_ok=True)
        config = {
            "format": 1, "kind": "adapter", "method": "mulan", "architecture": "resampler", "module": sizes,
            "base": {"name": "linguahub/sd15", "digest": ""},
            "encoder": {"name": f"linguahub/wide-{in_width}", "digest": "", "readout": "last_hidden_state"},
            "conditioning": {"width": width, "length": queries, "pooled_width": None, "mask": False},
            "prompt": {"prefix": "", "drop": [], "length": LENGTH},
            "languages": [LANGUAGES[number % len(LANGUAGES)]], "run": {}, "parent": "",
        }  # fmt: skip
        (variant / "config.json").write_text(json.dumps(config), encoding="utf-8")
        if not (variant / "model.safetensors").exists():
            os.link(weights, variant / "model.safetensors")
        made.append(variant)
    return made


def quiet() -> None:
    """Turn off progress bars and warnings about random weights."""
    import logging

    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    diffusers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    logging.getLogger("diffusers").setLevel(logging.ERROR)
