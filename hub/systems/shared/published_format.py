"""What a published format is: how a file of it is recognised, taken apart and put together again.

Sizes are inferred from keys and shapes, never from the names of files or encoders: published scripts disagree with their own
weights about hidden widths.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]
Tensors = Mapping[str, "Tensor"]
Files = Mapping[str, Tensors]
"""Relative path within a variant → the tensors of that safetensors file."""

MODULE = "model.safetensors"
ENCODER = "encoder/model.safetensors"
"""A text encoder that came in the same file."""
REST = "published.safetensors"
"""What belongs to the published file and is not computed with here; kept so that it can be written again."""


def prompt_rule(length: int, *, prefix: str = "", drop: tuple[int, ...] = (), pooled: str = "") -> dict[str, Any]:
    """One side of a variant's `prompt`: tokens given to the encoder, and what surrounds them."""
    rule: dict[str, Any] = {"prefix": prefix, "drop": list(drop), "length": length}
    return rule | ({"pooled": pooled} if pooled else {})


def prompt_of(
    positive: dict[str, Any], negative: dict[str, Any] | None = None, *, empty: str = "encode"
) -> dict[str, Any]:
    """A variant's `prompt`; without `negative`, negative prompts are read as prompts are."""
    return {**positive, "negative": negative or dict(positive), "empty": empty}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the tensors of a file turn out to be: all that a variant's config.json says of them."""

    method: str
    architecture: str
    module: dict[str, Any]
    """Arguments of the architecture."""
    conditioning: dict[str, Any]
    prompt: dict[str, Any]
    kind: str = "adapter"
    base: str = ""
    """What it fits by its widths, when nobody says another."""
    encoder: str = ""
    """The encoder it was published for, or `a + b`; empty when that is not known, or when it is in the file."""
    sees_padding: bool = False
    """Whether that encoder was given no mask."""
    readout: str = "last_hidden_state"
    own_encoder: dict[str, Any] = field(default_factory=dict)
    """The transformers configuration of a text encoder in the same file."""


class Format(ABC):
    """One layout of a published file."""

    name: ClassVar[str]
    """As `config.json` and `--format` call it."""
    title: ClassVar[str]
    """As messages call it."""
    container: ClassVar[str] = "torch"
    """How upstream keeps it: `torch`, a pickle of a state dict; `fairseq`, one of sections; or `safetensors`."""
    anchors: ClassVar[tuple[str, ...]]
    """Keys without which a file is not of this format, and whose shapes tell its sizes."""
    keys: ClassVar[str]
    """Regular expression of every key that may be in such a file."""
    optional: ClassVar[str] = r"(?!)"
    """Of keys that are kept in `published.safetensors`: what no part of ours computes with."""
    left: ClassVar[str] = r"(?!)"
    """Of keys that are not taken: whole models which are published elsewhere as they are."""
    whole: Format | None = None
    """The same layout with its text encoder taken, too, where that is a choice."""

    @abstractmethod
    def recognise(self, shapes: Shapes) -> Reading | None:
        """What the file is, of whose keys all `anchors` are there; None when their shapes are not this format's.

        Raises KeyError, ValueError or IndexError when shapes contradict each other.
        """

    def to_variant(self, tensors: Tensors) -> Files:
        """Our layout of what is taken from the file."""
        rest = {key: value for key, value in tensors.items() if re.fullmatch(self.optional, key)}
        own = {key: value for key, value in tensors.items() if key not in rest}
        return {MODULE: own, REST: rest} if rest else {MODULE: own}

    def to_original(self, files: Files) -> dict[str, Tensor]:
        """The inverse of `to_variant`, byte for byte."""
        return {key: value for tensors in files.values() for key, value in tensors.items()}


def count(shapes: Shapes, pattern: str) -> int:
    """How many different numbers the group of `pattern` finds in the keys."""
    return len({found[1] for key in shapes if (found := re.match(pattern, key)) is not None})


def with_prefix(prefix: str, tensors: Tensors) -> dict[str, Tensor]:
    """Every key behind `prefix`."""
    return {prefix + key: value for key, value in tensors.items()}


def behind_prefix(prefix: str, tensors: Tensors) -> dict[str, Tensor]:
    """The keys that begin with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
