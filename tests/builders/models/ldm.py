"""Write a small Stable Diffusion 1.x as the single file that its authors and Civitai have: the names of the latent diffusion code.

The names are those that `diffusers.loaders.single_file_utils` reads, in the other direction.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

_UNET = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0", "conv_out": "out.2", "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1", "mid_block.resnets.1": "middle_block.2",
}  # fmt: skip
_RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
    "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def save_single_file(pipe: Any, path: Path) -> Path:
    """Write the weights of a `StableDiffusionPipeline` to one safetensors file."""
    weights = {f"model.diffusion_model.{key}": value for key, value in _unet(pipe.unet).items()}
    weights |= {f"first_stage_model.{key}": value for key, value in _vae(pipe.vae).items()}
    text = {f"cond_stage_model.transformer.{key}": value for key, value in pipe.text_encoder.state_dict().items()}
    text = {
        re.sub(r"transformer\.(?!text_model)", "transformer.text_model.", key): value for key, value in text.items()
    }
    save_file({key: value.clone().contiguous() for key, value in (weights | text).items()}, path)
    return path


def _unet(unet: Any) -> dict[str, Tensor]:
    layers, levels = unet.config.layers_per_block, len(unet.config.block_out_channels)
    places: dict[str, str] = dict(_UNET)
    for level in range(levels):
        for layer in range(layers):
            block = 1 + level * (layers + 1) + layer
            places[f"down_blocks.{level}.resnets.{layer}"] = f"input_blocks.{block}.0"
            places[f"down_blocks.{level}.attentions.{layer}"] = f"input_blocks.{block}.1"
        places[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{(level + 1) * (layers + 1)}.0.op"
        has_attention = "CrossAttn" in unet.config.up_block_types[level]
        for layer in range(layers + 1):
            block = level * (layers + 1) + layer
            places[f"up_blocks.{level}.resnets.{layer}"] = f"output_blocks.{block}.0"
            places[f"up_blocks.{level}.attentions.{layer}"] = f"output_blocks.{block}.1"
        last = (level + 1) * (layers + 1) - 1
        places[f"up_blocks.{level}.upsamplers.0.conv"] = f"output_blocks.{last}.{2 if has_attention else 1}.conv"
    return {_renamed(key, places): value for key, value in unet.state_dict().items()}


def _vae(vae: Any) -> dict[str, Tensor]:
    layers, levels = vae.config.layers_per_block, len(vae.config.block_out_channels)
    places: dict[str, str] = {}
    for half, extra in (("encoder", 0), ("decoder", 1)):
        for each in ("resnets.0", "resnets.1"):
            places[f"{half}.mid_block.{each}"] = f"{half}.mid.block_{int(each[-1]) + 1}"
        places[f"{half}.mid_block.attentions.0"] = f"{half}.mid.attn_1"
        places[f"{half}.conv_norm_out"] = f"{half}.norm_out"
        for level in range(levels):
            side, at = ("down", level) if half == "encoder" else ("up", levels - 1 - level)
            for layer in range(layers + extra):
                places[f"{half}.{side}_blocks.{level}.resnets.{layer}"] = f"{half}.{side}.{at}.block.{layer}"
            places[f"{half}.{side}_blocks.{level}.{side}samplers.0"] = f"{half}.{side}.{at}.{side}sample"
    renamed = {}
    for key, value in vae.state_dict().items():
        new = _renamed(key, places, inner=_ATTENTION if ".attentions." in key else {"conv_shortcut": "nin_shortcut"})
        is_linear = ".attn_1." in new and new.endswith("weight") and value.ndim == 2
        renamed[new] = value[:, :, None, None] if is_linear else value  # 1 × 1 convolutions there
    return renamed


def _renamed(key: str, places: dict[str, str], inner: dict[str, str] | None = None) -> str:
    for old, new in places.items():
        if key.startswith(f"{old}."):
            rest = key.removeprefix(f"{old}.")
            parts = inner if inner is not None else _RESNET if "resnets" in old else {}
            for before, after in parts.items():
                if rest.startswith(f"{before}."):
                    rest = after + rest.removeprefix(before)
                    break
            return f"{new}.{rest}"
    return key
