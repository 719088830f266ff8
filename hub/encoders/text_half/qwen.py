"""The language models inside Qwen2.5-VL and InternVL2.5, whose hidden states X2I reads.

Text uses neither image towers nor `lm_head`. Qwen2.5-VL is its own text model, InternVL2.5 contains a Qwen2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from hub.encoders.text_half.text_half import NOT_SIZES, TextHalf

_QWEN = re.compile(r"(?:model\.)?(?:language_model\.)?((?:embed_tokens|norm|layers\.\d+)\..+)")
"""`model.layers.0 …` as published, `model.language_model.layers.0 …` as newer versions of transformers save it."""
_INTERNVL = "language_model.model."


class QwenVL(TextHalf):
    """`Qwen/Qwen2.5-VL-7B-Instruct` and repositories in its layout."""

    name = "language model of Qwen2.5-VL"

    def recognise(self, config: Mapping[str, Any]) -> bool:
        """Recognise the model type."""
        return config.get("model_type") == "qwen2_5_vl"

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """Build the text model with the sizes of `text_config`, or of config.json itself in older files."""
        from transformers import Qwen2_5_VLTextConfig

        from hub.encoders.text_half.qwen_positions import CountedQwen

        names = Qwen2_5_VLTextConfig().to_dict().keys() | {"rope_theta", "rope_scaling"}
        written = config.get("text_config") or config
        sizes = {key: value for key, value in written.items() if key in names - NOT_SIZES and value is not None}
        made: nn.Module = CountedQwen(Qwen2_5_VLTextConfig(**sizes | {"use_cache": False}))
        return made

    def rename(self, key: str) -> str | None:
        """Map `model.layers.0 …` to `layers.0 …`."""
        found = _QWEN.fullmatch(key)
        return None if found is None else found[1]


class InternVLChat(TextHalf):
    """`OpenGVLab/InternVL2_5-4B` and other repositories around a Qwen2."""

    name = "language model of InternVL2.5"
    tokenizer = {"pad_token": "<|endoftext|>"}  # noqa: RUF012

    def recognise(self, config: Mapping[str, Any]) -> bool:
        """Recognise the settings of its language model."""
        inner = config.get("llm_config")
        return isinstance(inner, dict) and inner.get("model_type") == "qwen2"

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """Build `Qwen2Model` with the sizes in `llm_config`."""
        from transformers import Qwen2Config, Qwen2Model

        names = Qwen2Config().to_dict().keys() | {"rope_theta"}
        written = config["llm_config"].items()
        sizes = {key: value for key, value in written if key in names - NOT_SIZES and value is not None}
        made: nn.Module = Qwen2Model(Qwen2Config(**sizes | {"use_cache": False}))
        return made

    def rename(self, key: str) -> str | None:
        """Map `language_model.model.layers.0 …` to `layers.0 …`."""
        return key.removeprefix(_INTERNVL) if key.startswith(_INTERNVL) else None
