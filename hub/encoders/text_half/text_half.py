"""What the loader must know of a repository whose text half alone is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from torch import nn

from hub.plugins import resolve

HALVES = (
    "hub.encoders.text_half.internvl:InternVL",
    "hub.encoders.text_half.t5:T5",
    "hub.encoders.text_half.two_towers:TwoTowers",
    "hub.encoders.text_half.xlm_roberta:XLMRoberta",
)
"""`module:class` of those that come with the project."""


class Half(Protocol):
    """One family of repositories. Only `make` needs transformers."""

    name: str
    """`text half of InternVL`, for messages."""
    tokenizer: Mapping[str, Any]
    """What `AutoTokenizer` is told besides the folder; empty when the folder says it all."""

    never_counts: int | None
    """An id whose tokens are masked whatever the tokenizer says; None: the tokenizer's mask is right."""

    reads_pictures: bool
    """Whether the rest is a tower for pictures, which retrieval reads: what is made of a pickle keeps it, too."""

    def recognise(self, config: Mapping[str, Any]) -> bool:
        """Whether a repository with this config.json is of the family."""
        ...

    def make(self, config: Mapping[str, Any]) -> nn.Module:
        """The transformers model that reads the half, with whatever weights: call it on `meta`."""
        ...

    def rename(self, key: str) -> str | None:
        """The name of a stored tensor in that model; None when it belongs to the other half."""
        ...


def half_of(config: Mapping[str, Any]) -> Half | None:
    """The family of a repository with this config.json, or None when it is read whole."""
    for each in HALVES:
        half = cast(Half, resolve(each)())
        if half.recognise(config):
            return half
    return None
