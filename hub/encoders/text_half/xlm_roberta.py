"""XLM-R behind the head for masked words it was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

_PREFIX = "roberta."
_UNUSED = ("roberta.pooler.", "roberta.embeddings.position_ids")


class XLMRoberta:
    """`FacebookAI/xlm-roberta-base` and `-large`: `roberta.*` is read, `lm_head` is not."""

    name = "encoder of XLM-R"
    tokenizer: Mapping[str, Any] = {}
    never_counts: int | None = None
    reads_pictures = False

    def recognise(self, config: Mapping[str, Any]) -> bool:
        """By the model type, when a head is part of what is stored."""
        return config.get("model_type") == "xlm-roberta" and any(
            "For" in each for each in config.get("architectures") or ()
        )

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """`XLMRobertaModel` without a pooling layer."""
        from transformers import XLMRobertaConfig, XLMRobertaModel

        kept = {key: value for key, value in config.items() if key not in {"architectures", "dtype", "torch_dtype"}}
        made: nn.Module = XLMRobertaModel(XLMRobertaConfig(**kept), add_pooling_layer=False)
        return made

    def rename(self, key: str) -> str | None:
        """`roberta.encoder.layer.0 …` → `encoder.layer.0 …`."""
        return None if not key.startswith(_PREFIX) or key.startswith(_UNUSED) else key.removeprefix(_PREFIX)
