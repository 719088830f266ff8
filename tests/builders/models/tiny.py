"""Build a tiny base, encoder and module of the real classes with random weights, and publish them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from hub.systems.architectures import build
from hub.weights.digest import digest_of
from hub.weights.strict import save_weights

WIDTH = 32
"""Width of the tiny base's cross-attention."""
LENGTH = 16
"""Tokens of the tiny base's own text encoder."""
ENCODER_WIDTH = 24
WORDS = (
    "aja", "ologbo", "eye", "ile", "mbwa", "paka", "ndege", "nyumba", "dog", "cat", "bird", "house", "kare", "kyanwa"
)  # fmt: skip


def clip_tokenizer() -> Any:
    """Return a `CLIPTokenizer` over single bytes."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    alphabet = sorted(ByteLevel.alphabet())
    pieces = [*alphabet, *(f"{each}</w>" for each in alphabet), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[], model_max_length=LENGTH)


def make_encoder(folder: Path, seed: int, positions: int = 40, width: int = ENCODER_WIDTH) -> Path:
    """Save a random `XLMRobertaModel` and its tokenizer."""
    from transformers import XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizer

    torch.manual_seed(seed)
    letters = sorted({letter for word in WORDS for letter in word} | set("ẹọṣ犬猫"))
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces = [("▁", -3.0), *((f"▁{word}", -2.0) for word in WORDS), *((letter, -6.0) for letter in letters)]
    tokenizer = XLMRobertaTokenizer(vocab=[*special, *pieces])
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=positions, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    XLMRobertaModel(config, add_pooling_layer=False).half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def push(hub: Any, name: str, content: Path, scratch: Path, *, kind: str, language: str) -> Any:
    """Publish `content` with a card."""
    from hub.names import ArtifactName
    from hub.publish.publish import publish

    folder = scratch / "pushed" / name
    shutil.copytree(content, folder, dirs_exist_ok=True)
    ours: dict[str, Any] = {"kind": kind, "summary": "Tiny."}
    if kind == "base":
        ours["conditioning"] = {"width": WIDTH, "length": None, "pooled_width": None, "mask": False}
    card = {"language": language, "license": "apache-2.0", "linguahub": ours}
    (folder / "README.md").write_text(f"---\n{json.dumps(card)}\n---\n\nTiny.\n")
    return publish(folder, ArtifactName("linguahub", name), hub.registry, hub.store)


def tokens(pipe: Any, prompt: Any, **settings: Any) -> torch.Tensor:
    """Return the embeddings of prompts, (B, L, C)."""
    return pipe.encode_prompt(prompt, pipe.device, 1, False, **settings)[0]


def save_base(folder: Path) -> Path:
    """Save a `StableDiffusionPipeline` for 16-pixel images, float16 on disk."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    tokenizer = clip_tokenizer()
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=LENGTH, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(16,), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",),
        cross_attention_dim=WIDTH, attention_head_dim=4, norm_num_groups=4,
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1, norm_num_groups=4, sample_size=16, mid_block_add_attention=False,
    )  # fmt: skip
    pipe = StableDiffusionPipeline(
        vae=vae, text_encoder=CLIPTextModel(text), tokenizer=tokenizer, unet=unet, scheduler=DDIMScheduler(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.to(torch.float16).save_pretrained(folder)
    return folder


def save_module(
    modules: Path,
    encoder_folder: Path,
    name: str,
    languages: tuple[str, ...] = ("yo",),
    *,
    seed: int = 2,
    architecture: str = "resampler",
    **changes: Any,
) -> Path:
    """Save an artifact with one variant, `tiny-sd`, below `modules`."""
    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"in_width": ENCODER_WIDTH, "out_width": WIDTH}
    if architecture == "resampler":
        sizes |= {"queries": LENGTH, "heads": 4}
    else:
        sizes |= {"hidden_width": 20, "linears": 3}
    length = LENGTH if architecture == "resampler" else 12
    rule = {"prefix": "", "drop": [], "length": 12}
    config: dict[str, Any] = {
        "format": 1, "kind": "adapter", "method": "mulan" if architecture == "resampler" else "pea",
        "architecture": architecture, "module": sizes | changes.pop("module", {}),
        "base": {"name": "linguahub/tiny-sd", "digest": ""},
        "encoder": {"name": "linguahub/tiny-xlmr", "digest": digest_of(encoder_folder), "readout": "last_hidden_state"},
        "conditioning": {"width": WIDTH, "length": length, "pooled_width": None, "mask": False},
        "prompt": {**rule, "negative": rule, "empty": "encode"}, "languages": list(languages), "run": {}, "parent": "",
    }  # fmt: skip
    for key, value in changes.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    folder = modules / name
    variant = folder / "tiny-sd"
    save_weights(build(architecture, config["module"]), variant / "model.safetensors", torch.float16)
    (variant / "config.json").write_text(json.dumps(config))
    return folder
