"""The encoder half of T5 and its relatives: T5, FLAN-T5, ByT5, mT5, umT5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from hub.encoders.text_half.text_half import NOT_SIZES, TextHalf

_CLASSES = {
    "t5": ("T5Config", "T5EncoderModel"),
    "mt5": ("MT5Config", "MT5EncoderModel"),
    "umt5": ("UMT5Config", "UMT5EncoderModel"),
}


class T5(TextHalf):
    """An encoder-decoder, of which `shared` and `encoder` are read."""

    name = "encoder half of T5"

    def recognise(self, config: Mapping[str, Any]) -> bool:
        """Recognise the model type, unless the repository holds the encoder alone."""
        return config.get("model_type") in _CLASSES and not any(
            each.endswith("EncoderModel") for each in config.get("architectures") or ()
        )

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """Build `T5EncoderModel` or its relative."""
        import transformers

        settings, model = _CLASSES[config["model_type"]]
        sizes = {key: value for key, value in config.items() if key not in NOT_SIZES}
        made: nn.Module = getattr(transformers, model)(getattr(transformers, settings)(**sizes))
        return made

    def rename(self, key: str) -> str | None:
        """Keep names; the token embedding is stored as `shared`, once or twice."""
        return key if key == "shared.weight" or key.startswith("encoder.") else None
