"""InternVL-14B's text half, QLLaMA, as MuLan reads it.

QLLaMA is LLaMA with cross-attention in every second layer and 96 query tokens, both of which text does not use: what is left is
transformers' `LlamaModel`, and `text_projection`, which makes a pooled vector of one of its states. mulankit's
`InternVLTextModel` hands out the last state after the final norm, under a mask that is causal and leaves out tokens of id 0, made
from the ids and not from the `attention_mask` it is given (`mulankit/internvl/modeling_intern_text.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

_OURS = re.compile(
    r"qllama\.model\.(embed_tokens\.weight|norm\.weight|layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj"
    r"|input_layernorm|post_attention_layernorm)\.weight)"
)
"""A list of what is wanted: cross-attention, queries and `lm_head` are not, nor stored tables of rotary positions."""
_POOLED = "text_projection"
_POOLED_WIDTH = 768
"""Unless the repository's `clip_embed_dim` says otherwise."""


class InternVL:
    """`OpenGVLab/InternVL-14B-224px`, and what has its layout."""

    name = "text half of InternVL"
    tokenizer: Mapping[str, Any] = {
        "add_bos_token": True,
        "add_eos_token": True,
        "pad_token": "<unk>",
        "padding_side": "right",
    }
    never_counts: int | None = 0
    reads_pictures = False

    def recognise(self, config: Mapping[str, Any]) -> bool:
        """By the settings of its language model."""
        return isinstance(config.get("qllama_config"), dict)

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """`LlamaModel` of the sizes in `qllama_config`, with the projection."""
        from transformers import LlamaConfig

        from hub.encoders.text_half.pooled_llama import PooledLlama

        names = LlamaConfig().to_dict().keys() - {
            "architectures",
            "dtype",
            "torch_dtype",
            "model_type",
            "transformers_version",
        }
        sizes = {key: value for key, value in config["qllama_config"].items() if key in names and value is not None}
        sizes |= {"use_cache": False, "projection_dim": config.get("clip_embed_dim") or _POOLED_WIDTH}
        made: nn.Module = PooledLlama(LlamaConfig(**sizes))
        return made

    def rename(self, key: str) -> str | None:
        """`qllama.model.norm.weight` → `norm.weight`."""
        if key == _POOLED:
            return key
        found = _OURS.fullmatch(key)
        return None if found is None else found[1]
