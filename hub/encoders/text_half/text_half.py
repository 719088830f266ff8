"""The protocol for repositories of which only the text half is read, and the table of those known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from hub.plugins import resolve

TEXT_HALVES = (
    "hub.encoders.text_half.internvl:InternVL",
    "hub.encoders.text_half.qwen:InternVLChat",
    "hub.encoders.text_half.qwen:QwenVL",
    "hub.encoders.text_half.t5:T5",
    "hub.encoders.text_half.two_towers:TwoTowers",
    "hub.encoders.text_half.xlm_roberta:XLMRoberta",
)
"""`module:class` of the built-in families."""
NOT_SIZES = frozenset({"architectures", "dtype", "torch_dtype", "model_type", "transformers_version"})
"""Keys of a config.json that are not settings of the model."""


class TextHalf(ABC):
    """One family of repositories. Only `make` needs transformers."""

    name: str
    """`text half of InternVL`, for messages."""
    tokenizer: Mapping[str, Any] = {}
    """Arguments of `AutoTokenizer` besides the folder; empty if the folder is sufficient."""
    never_counts: int | None = None
    """An id that is always masked; None if the tokenizer's mask is right."""
    reads_images = False
    """Whether the rest is an image tower, which retrieval reads: a converted pickle keeps it."""

    @abstractmethod
    def recognise(self, config: Mapping[str, Any]) -> bool:
        """Return whether a repository with this config.json belongs to the family."""

    @abstractmethod
    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """Build the transformers model of the half with uninitialised weights: call it on `meta`."""

    @abstractmethod
    def rename(self, key: str) -> str | None:
        """Return the name of a stored tensor in that model, or None if it belongs to the other half."""


def half_of(config: Mapping[str, Any]) -> TextHalf | None:
    """Return the family of a repository with this config.json, or None if all of it is read."""
    for each in TEXT_HALVES:
        half = cast(TextHalf, resolve(each)())
        if half.recognise(config):
            return half
    return None
