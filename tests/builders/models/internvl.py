"""Build a small repository in InternVL's layout, and compute its text encoder plainly."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor
from transformers import LlamaTokenizer

from hub.encoders.text_half.read_half import INDEX

WIDTH, INNER, LAYERS, HEADS = 64, 96, 2, 4
"""A row of WIDTH fills a 4-bit block; one of INNER does not."""
LETTERS = ["▁", "a", "j", "e", "y"]
POOLED = 8


def random_qllama(vocabulary: int) -> dict[str, Tensor]:
    """Return small tensors for everything that `OpenGVLab/InternVL-14B-224px` stores, including parts unused for text."""
    torch.manual_seed(0)
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (vocabulary, WIDTH), "norm.weight": (WIDTH,)}
    for layer in range(LAYERS):
        for name in "qkvo":
            shapes[f"layers.{layer}.self_attn.{name}_proj.weight"] = (WIDTH, WIDTH)
        shapes[f"layers.{layer}.mlp.gate_proj.weight"] = (INNER, WIDTH)
        shapes[f"layers.{layer}.mlp.up_proj.weight"] = (INNER, WIDTH)
        shapes[f"layers.{layer}.mlp.down_proj.weight"] = (WIDTH, INNER)
        shapes[f"layers.{layer}.input_layernorm.weight"] = (WIDTH,)
        shapes[f"layers.{layer}.post_attention_layernorm.weight"] = (WIDTH,)
        shapes[f"layers.{layer}.self_attn.rotary_emb.inv_freq"] = (WIDTH // HEADS // 2,)
    shapes |= {f"layers.0.cross_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in "qkvo"}
    shapes |= {"layers.0.cross_attn.norm1.weight": (WIDTH,)}
    weights = {f"qllama.model.{key}": torch.randn(shape) / WIDTH**0.5 for key, shape in shapes.items()}
    weights["qllama.lm_head.weight"] = torch.randn(vocabulary, WIDTH)
    weights["query_tokens"] = torch.randn(1, 4, WIDTH)
    weights["text_projection"] = torch.randn(WIDTH, POOLED)
    weights["vision_model.encoder.layers.0.attn.qkv.weight"] = torch.randn(3, 3)
    return weights


def save_internvl(folder: Path) -> Path:
    """Save a repository in InternVL's layout without its vision file."""
    folder.mkdir()
    vocab = ["<unk>", "<s>", "</s>", *LETTERS]
    LlamaTokenizer(vocab={piece: place for place, piece in enumerate(vocab)}, merges=[]).save_pretrained(folder)
    weights = random_qllama(len(vocab))
    second = {key: value for key, value in weights.items() if ".layers.0." in key or "embed" in key}
    third = {key: value for key, value in weights.items() if key not in second and not key.startswith("vision")}
    save_file(second, folder / "model-00002-of-00003.safetensors")
    save_file(third, folder / "model-00003-of-00003.safetensors")
    places = dict.fromkeys(second, "model-00002-of-00003.safetensors") | dict.fromkeys(
        third, "model-00003-of-00003.safetensors"
    )
    places |= {key: "model-00001-of-00003.safetensors" for key in weights if key.startswith("vision")}
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))
    sizes = {
        "vocab_size": len(vocab), "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": HEADS, "rms_norm_eps": 1e-6, "num_query_token": 4,
    }  # fmt: skip
    config = {
        "model_type": "internvl", "architectures": ["InternVLModel"], "qllama_config": sizes, "clip_embed_dim": POOLED,
        "vision_config": {},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def plain_qllama(weights: dict[str, Tensor], ids_BL: Tensor) -> Tensor:
    """Compute `InternVLTextModel` plainly: LLaMA with a causal mask that excludes ids of 0."""

    def norm(x: Tensor, scale: Tensor) -> Tensor:
        return x * (x.pow(2).mean(-1, keepdim=True) + 1e-6).rsqrt() * scale

    def turn(x_BHLD: Tensor) -> Tensor:
        depth = x_BHLD.shape[-1]
        angle_LD = torch.arange(x_BHLD.shape[2])[:, None] / 10000 ** (torch.arange(0, depth, 2) / depth)[None]
        cos, sin = angle_LD.cos().repeat(1, 2), angle_LD.sin().repeat(1, 2)
        first, second = x_BHLD.chunk(2, -1)
        return x_BHLD * cos + torch.cat([-second, first], -1) * sin

    get = {key.removeprefix("qllama.model."): value for key, value in weights.items()}
    length = ids_BL.shape[1]
    seen_B1LL = torch.ones(length, length).tril().bool()[None, None] & (ids_BL > 0)[:, None, None]
    x = get["embed_tokens.weight"][ids_BL]
    for layer in range(LAYERS):
        at = f"layers.{layer}."
        y = norm(x, get[at + "input_layernorm.weight"])
        q, k, v = (
            (y @ get[f"{at}self_attn.{name}_proj.weight"].T).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for name in "qkv"
        )
        score = turn(q) @ turn(k).transpose(-1, -2) / (WIDTH // HEADS) ** 0.5
        mixed = score.masked_fill(~seen_B1LL, float("-inf")).softmax(-1) @ v
        x = x + mixed.transpose(1, 2).flatten(2) @ get[at + "self_attn.o_proj.weight"].T
        y = norm(x, get[at + "post_attention_layernorm.weight"])
        inner = F.silu(y @ get[at + "mlp.gate_proj.weight"].T) * (y @ get[at + "mlp.up_proj.weight"].T)
        x = x + inner @ get[at + "mlp.down_proj.weight"].T
    return norm(x, get["norm.weight"])
