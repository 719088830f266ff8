"""The text tower of a dual encoder: CLIP, Chinese-CLIP, AltCLIP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from hub.encoders.text_half.text_half import NOT_SIZES, TextHalf

_CLASSES = {
    "clip": ("CLIPTextConfig", "CLIPTextModel"),
    "chinese_clip": ("ChineseCLIPTextConfig", "ChineseCLIPTextModel"),
    "altclip": ("AltCLIPTextConfig", "AltCLIPTextModel"),
}
_PREFIX = "text_model."
_UNUSED = tuple(
    f"text_model.{inner}{part}" for inner in ("", "roberta.") for part in ("pooler.", "embeddings.position_ids")
)
"""Poolers are not read by these models; position ids are not learned."""


class TwoTowers(TextHalf):
    """A repository with an image tower and a text tower, of which the second is read."""

    name = "text tower"
    reads_images = True

    def recognise(self, config: Mapping[str, Any]) -> bool:
        """Recognise the model type with settings of both towers."""
        return config.get("model_type") in _CLASSES and isinstance(config.get("text_config"), dict)

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """Build the text tower, without its pooling layer if that is optional."""
        import transformers

        settings, model = _CLASSES[config["model_type"]]
        sizes = {key: value for key, value in config["text_config"].items() if key not in NOT_SIZES}
        options = {"add_pooling_layer": False} if config["model_type"] == "chinese_clip" else {}
        made: nn.Module = getattr(transformers, model)(getattr(transformers, settings)(**sizes), **options)
        return made

    def rename(self, key: str) -> str | None:
        """Map `text_model.encoder.layer.0 …` to `encoder.layer.0 …`; AltCLIP's class calls its layers `layers`."""
        if not key.startswith(_PREFIX) or key.startswith(_UNUSED):
            return None
        return key.removeprefix(_PREFIX).replace("roberta.encoder.layer.", "roberta.encoder.layers.")
