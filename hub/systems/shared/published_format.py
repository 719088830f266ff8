"""Published formats: how their files are recognised, split into the files of a variant, and joined again.

Sizes are inferred from keys and shapes, never from names of files or encoders: published scripts disagree with their own
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
"""A text encoder from the same file."""
REST = "published.safetensors"
"""Unused tensors of the published file, kept so that it can be exported unchanged."""


def prompt_rule(
    length: int, *, prefix: str = "", suffix: str = "", drop: tuple[int, ...] = (), pooled: str = ""
) -> dict[str, Any]:
    """Return one side of a variant's `prompt`: tokens given to the encoder, text around the prompt and dropped positions."""
    rule: dict[str, Any] = {"prefix": prefix, "drop": list(drop), "length": length}
    return rule | ({"suffix": suffix} if suffix else {}) | ({"pooled": pooled} if pooled else {})


def prompt_of(
    positive: dict[str, Any], negative: dict[str, Any] | None = None, *, empty: str = "encode"
) -> dict[str, Any]:
    """Return a variant's `prompt`; without `negative`, negative prompts follow the rule of prompts."""
    return {**positive, "negative": negative or dict(positive), "empty": empty}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The recognised contents of a file: everything that the config.json of a variant contains."""

    method: str
    architecture: str
    module: dict[str, Any]
    """Settings of the architecture."""
    conditioning: dict[str, Any]
    prompt: dict[str, Any]
    kind: str = "adapter"
    base: str = ""
    """The default base, inferred from widths."""
    encoder: str = ""
    """The encoder it was published for, or `a + b`; empty if unknown or in the file."""
    sees_padding: bool = False
    """Whether that encoder ran without a mask."""
    readout: str = "last_hidden_state"
    own_encoder: dict[str, Any] = field(default_factory=dict)
    """The transformers configuration of a text encoder in the same file."""


class Format(ABC):
    """One layout of a published file."""

    name: ClassVar[str]
    """The name in `config.json` and `--format`."""
    title: ClassVar[str]
    """The name in messages."""
    container: ClassVar[str] = "torch"
    """Upstream's container: `torch`, a pickled state dict; `fairseq`, a pickle of sections; or `safetensors`."""
    anchors: ClassVar[tuple[str, ...]]
    """Required keys, whose shapes determine the sizes."""
    keys: ClassVar[str]
    """Regular expression for all keys of such a file."""
    optional: ClassVar[str] = r"(?!)"
    """Regular expression for unused keys, which are kept in `published.safetensors`."""
    left: ClassVar[str] = r"(?!)"
    """Regular expression for keys to leave out: complete models that are published elsewhere."""
    including_encoder: Format | None = None
    """The same layout with its text encoder included, if that is a choice."""

    @abstractmethod
    def recognise(self, shapes: Shapes) -> Reading | None:
        """Return what a file with all `anchors` is, or None if their shapes are not of this format.

        Raises KeyError, ValueError or IndexError if shapes contradict each other.
        """

    def for_encoder(self, reading: Reading, encoder: str) -> Reading:  # noqa: ARG002 - most formats have one encoder
        """Return the reading of a file that was made for `encoder`, where its prompt depends on it."""
        return reading

    def to_variant(self, tensors: Tensors) -> Files:
        """Return the variant's files for the tensors of a published file."""
        rest = {key: value for key, value in tensors.items() if re.fullmatch(self.optional, key)}
        own = {key: value for key, value in tensors.items() if key not in rest}
        return {MODULE: own, REST: rest} if rest else {MODULE: own}

    def to_original(self, files: Files) -> dict[str, Tensor]:
        """Return the published tensors, of unchanged shapes: the inverse of `to_variant`, byte for byte."""
        return {key: value for tensors in files.values() for key, value in tensors.items()}


def count(shapes: Shapes, pattern: str) -> int:
    """Return how many different numbers the group of `pattern` matches in the keys."""
    return len({found[1] for key in shapes if (found := re.match(pattern, key)) is not None})


def with_prefix(prefix: str, tensors: Tensors) -> dict[str, Tensor]:
    """Return the tensors, of unchanged shapes, with `prefix` added to every key."""
    return {prefix + key: value for key, value in tensors.items()}


def behind_prefix(prefix: str, tensors: Tensors) -> dict[str, Tensor]:
    """Return the tensors whose keys begin with `prefix`, without it; shapes are unchanged."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
