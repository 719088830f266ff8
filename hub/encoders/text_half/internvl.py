"""InternVL-14B's text half, QLLaMA, as MuLan reads it.

QLLaMA is LLaMA with cross-attention in every second layer and 96 query tokens, neither of which text uses. The rest is
transformers' `LlamaModel` and `text_projection`, which maps one of its states to a pooled vector. mulankit's
`InternVLTextModel` returns the last state after the final norm, under a causal mask without tokens of id 0, computed
from the ids and not from its `attention_mask` (`mulankit/internvl/modeling_intern_text.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from hub.encoders.text_half.text_half import NOT_SIZES, TextHalf

_OURS = re.compile(
    r"qllama\.model\.(embed_tokens\.weight|norm\.weight|layers\.\d+\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj"
    r"|input_layernorm|post_attention_layernorm)\.weight)"
)
"""Tensors to read: without cross-attention, queries, `lm_head` and stored tables of rotary positions."""
_POOLED = "text_projection"
_POOLED_WIDTH = 768
"""Default of the repository's `clip_embed_dim`."""


class InternVL(TextHalf):
    """`OpenGVLab/InternVL-14B-224px` and repositories in its layout."""

    name = "text half of InternVL"
    tokenizer = {  # noqa: RUF012
        "add_bos_token": True,
        "add_eos_token": True,
        "pad_token": "<unk>",
        "padding_side": "right",
    }
    never_counts = 0

    def recognise(self, config: Mapping[str, Any]) -> bool:
        """Recognise the settings of its language model."""
        return isinstance(config.get("qllama_config"), dict)

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """Build `LlamaModel` with the sizes in `qllama_config`, and the projection."""
        from transformers import LlamaConfig

        from hub.encoders.text_half.pooled_llama import PooledLlama

        names = LlamaConfig().to_dict().keys() - NOT_SIZES
        sizes = {key: value for key, value in config["qllama_config"].items() if key in names and value is not None}
        sizes |= {"use_cache": False, "projection_dim": config.get("clip_embed_dim") or _POOLED_WIDTH}
        made: nn.Module = PooledLlama(LlamaConfig(**sizes))
        return made

    def rename(self, key: str) -> str | None:
        """Map `qllama.model.norm.weight` to `norm.weight`."""
        if key == _POOLED:
            return key
        found = _OURS.fullmatch(key)
        return None if found is None else found[1]
