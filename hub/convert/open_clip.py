"""Convert open_clip's `open_clip_model.safetensors` or `open_clip_pytorch_model.bin` to transformers' layout.

Two kinds of text tower are supported (`open_clip/model.py`, `hf_model.py`):

    a model of transformers   `text.transformer.*` in transformers' names, then a masked mean and `text.proj`.
                              transformers has no such dual encoder, so only the text tower is kept, as XLM-R or BERT: its
                              token states are what modules read (PEA-Diffusion's `mul_clip`).
    CLIP's own                `transformer.resblocks.*`, optionally under `text.`; with `visual.*` it is transformers' `CLIPModel`.

Sizes are read from shapes; an optional `open_clip_config.json` has the rest: heads of the image tower, the activation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hub.errors import InvalidSource
from hub.systems.shared.text_towers import encoder_config

if TYPE_CHECKING:
    from torch import Tensor

SETTINGS = "open_clip_config.json"
FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""The file names of open_clip."""
HEAD_WIDTH = 64
"""Width of an attention head in text towers, and the default in image towers."""
MEAN, DEVIATION = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
"""Image normalisation of OpenAI, open_clip's default."""
_TRUNK = "text.transformer."
_UNUSED = ("position_ids", "pooler.dense.weight", "pooler.dense.bias")
_BLOCK = re.compile(r"(visual\.)?transformer\.resblocks\.(\d+)\.(.+)")
_INNER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}
_OUTER = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "visual.ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "visual.ln_post.weight": "vision_model.post_layernorm.weight",
    "visual.ln_post.bias": "vision_model.post_layernorm.bias",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "logit_scale": "logit_scale",
}
_PROJECTIONS = {"visual.proj": "visual_projection.weight", "text_projection": "text_projection.weight"}
"""Stored for `x @ w`; transformers' linear layers keep the transpose."""


def translate(
    tensors: Mapping[str, Tensor], settings: Mapping[str, Any], *, what: str
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return config.json and tensors in transformers' layout; projections are transposed, other shapes are unchanged.

    `settings`: contents of open_clip_config.json, or empty.

    Raises InvalidSource for towers that transformers does not support.
    """
    model = settings.get("model_cfg") or {}
    if any(key.startswith(_TRUNK) and "resblocks" not in key for key in tensors):
        return _text_tower(tensors, what)
    return _clip({key.removeprefix("text."): value for key, value in tensors.items()}, model, what)


def preprocessing(settings: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Return preprocessor_config.json for images of `size` × `size` pixels."""
    given = settings.get("preprocess_cfg") or {}
    return {
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": size}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": size, "width": size}, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": given.get("mean", MEAN), "image_std": given.get("std", DEVIATION),
        "do_convert_rgb": True,
    }  # fmt: skip


def _text_tower(tensors: Mapping[str, Tensor], what: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    tower = {key.removeprefix(_TRUNK): value for key, value in tensors.items() if key.startswith(_TRUNK)}
    tower = {key: value for key, value in tower.items() if not key.endswith(_UNUSED)}
    try:
        config = encoder_config({key: tuple(value.shape) for key, value in tower.items()})
    except KeyError as error:
        raise _unknown(what, f"its text tower has no {error}, unlike XLM-R and BERT") from error
    return config, tower


def _clip(
    tensors: Mapping[str, Tensor], model: Mapping[str, Any], what: str
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    found: dict[str, Tensor] = {}
    unexpected = []
    for key, value in tensors.items():
        if key == "attn_mask":  # computed, not learned
            continue
        if key in _PROJECTIONS:
            found[_PROJECTIONS[key]] = value.T.contiguous()
        elif key in _OUTER:
            found[_OUTER[key]] = value
        elif (block := _BLOCK.fullmatch(key)) is not None and (inner := _inner(block[3], value)) is not None:
            tower = "vision_model" if block[1] else "text_model"
            found |= {f"{tower}.encoder.layers.{block[2]}.{name}": part for name, part in inner.items()}
        else:
            unexpected.append(key)
    if unexpected:
        raise _unknown(
            what, f"transformers' CLIP has no match for {len(unexpected)} of its tensors, such as `{min(unexpected)}`"
        )
    try:
        return _clip_config(tensors, model), found
    except KeyError as error:
        raise _unknown(what, f"it has no {error}, unlike CLIP") from error


def _inner(name: str, value: Tensor) -> dict[str, Tensor] | None:
    """Return the tensors of one block; open_clip stacks queries, keys and values."""
    if name in {"attn.in_proj_weight", "attn.in_proj_bias"}:
        leaf = name.rpartition("_")[2]
        return {
            f"self_attn.{part}_proj.{leaf}": each.contiguous() for part, each in zip("qkv", value.chunk(3), strict=True)
        }
    stem, _, leaf = name.rpartition(".")
    return {f"{_INNER[stem]}.{leaf}": value} if stem in _INNER else None


def _clip_config(tensors: Mapping[str, Tensor], model: Mapping[str, Any]) -> dict[str, Any]:
    vocabulary, width = tensors["token_embedding.weight"].shape
    seen, _, patch, _ = tensors["visual.conv1.weight"].shape
    side = round((tensors["visual.positional_embedding"].shape[0] - 1) ** 0.5) * patch
    activation = "quick_gelu" if model.get("quick_gelu") else "gelu"
    head_width = (model.get("vision_cfg") or {}).get("head_width", HEAD_WIDTH)
    return {
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": tensors["text_projection"].shape[1],
        "text_config": {
            "vocab_size": vocabulary, "hidden_size": width, "intermediate_size": _hidden(tensors, "transformer"),
            "num_hidden_layers": _layers(tensors, "transformer"), "num_attention_heads": max(1, width // HEAD_WIDTH),
            "max_position_embeddings": tensors["positional_embedding"].shape[0], "hidden_act": activation,
            "projection_dim": tensors["text_projection"].shape[1], "eos_token_id": vocabulary - 1, "bos_token_id": vocabulary - 2,
            "pad_token_id": vocabulary - 1,  # open_clip pads with 0; tokens after the end of a text are never read
        },
        "vision_config": {
            "hidden_size": seen, "intermediate_size": _hidden(tensors, "visual.transformer"), "patch_size": patch, "image_size": side,
            "num_hidden_layers": _layers(tensors, "visual.transformer"), "num_attention_heads": max(1, seen // head_width),
            "hidden_act": activation, "projection_dim": tensors["visual.proj"].shape[1],
        },
    }  # fmt: skip


def _hidden(tensors: Mapping[str, Tensor], tower: str) -> int:
    return int(tensors[f"{tower}.resblocks.0.mlp.c_fc.weight"].shape[0])


def _layers(tensors: Mapping[str, Tensor], tower: str) -> int:
    before = f"{tower}.resblocks."
    return len({key.removeprefix(before).partition(".")[0] for key in tensors if key.startswith(before)})


def _unknown(what: str, reason: str) -> InvalidSource:
    return InvalidSource(
        f"`{what}` cannot be converted from open_clip's layout to transformers': {reason}. Load it with open_clip, or find another "
        "encoder with `hub search --kind encoder`."
    )
