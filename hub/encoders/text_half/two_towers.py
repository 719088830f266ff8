"""The text tower of a dual encoder: CLIP, Chinese-CLIP, AltCLIP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

_CLASSES = {
    "clip": ("CLIPTextConfig", "CLIPTextModel"),
    "chinese_clip": ("ChineseCLIPTextConfig", "ChineseCLIPTextModel"),
    "altclip": ("AltCLIPTextConfig", "AltCLIPTextModel"),
}
_PREFIX = "text_model."
_UNUSED = tuple(
    f"text_model.{inner}{part}" for inner in ("", "roberta.") for part in ("pooler.", "embeddings.position_ids")
)
"""Poolers are not read by these models; ids of positions are counted, not learnt."""


class TwoTowers:
    """A repository with a tower for pictures and one for texts, of which the second is read."""

    name = "text tower"
    tokenizer: Mapping[str, Any] = {}
    never_counts: int | None = None
    reads_pictures = True

    def recognise(self, config: Mapping[str, Any]) -> bool:
        """By the model type; both towers have settings."""
        return config.get("model_type") in _CLASSES and isinstance(config.get("text_config"), dict)

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """The class of the text tower alone, without a pooling layer where that can be left out."""
        import transformers

        settings, model = _CLASSES[config["model_type"]]
        kept = {
            key: value
            for key, value in config["text_config"].items()
            if key not in {"architectures", "dtype", "torch_dtype", "model_type", "transformers_version"}
        }
        tower: Any = getattr(transformers, model)
        made: nn.Module
        if config["model_type"] == "chinese_clip":
            made = tower(getattr(transformers, settings)(**kept), add_pooling_layer=False)
        else:
            made = tower(getattr(transformers, settings)(**kept))
        return made

    def rename(self, key: str) -> str | None:
        """`text_model.encoder.layer.0 …` → `encoder.layer.0 …`; AltCLIP's layers are called `layers` in transformers' class."""
        if not key.startswith(_PREFIX) or key.startswith(_UNUSED):
            return None
        return key.removeprefix(_PREFIX).replace("roberta.encoder.layer.", "roberta.encoder.layers.")
