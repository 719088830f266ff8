"""XLM-R without its head for masked language modelling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from hub.encoders.text_half.text_half import NOT_SIZES, TextHalf

_PREFIX = "roberta."
_UNUSED = ("roberta.pooler.", "roberta.embeddings.position_ids")


class XLMRoberta(TextHalf):
    """`FacebookAI/xlm-roberta-base` and `-large`: `roberta.*` is read, `lm_head` is not."""

    name = "encoder of XLM-R"

    def recognise(self, config: Mapping[str, Any]) -> bool:
        """Recognise the model type if a head is stored with it."""
        return config.get("model_type") == "xlm-roberta" and any(
            "For" in each for each in config.get("architectures") or ()
        )

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """Build `XLMRobertaModel` without a pooling layer."""
        from transformers import XLMRobertaConfig, XLMRobertaModel

        sizes = {key: value for key, value in config.items() if key not in NOT_SIZES}
        made: nn.Module = XLMRobertaModel(XLMRobertaConfig(**sizes), add_pooling_layer=False)
        return made

    def rename(self, key: str) -> str | None:
        """Map `roberta.encoder.layer.0 …` to `encoder.layer.0 …`."""
        return None if not key.startswith(_PREFIX) or key.startswith(_UNUSED) else key.removeprefix(_PREFIX)
