"""What learns, and how it becomes an artifact: the part of a method that the loop and the publisher know.

A learner is made once per run, from the frozen parts. Its `module` is what the loop trains: everything in it that has
`requires_grad`; a frozen copy may live in it too, and is neither saved in checkpoints nor decayed. Afterwards `write`
puts weights into a variant's folder, and `config` says what of `config.json` is the learner's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit
from hub.loader.modules.module_config import WEIGHTS
from hub.systems.architectures import build
from hub.weights.strict import save_weights


class Learner(Protocol):
    """What a method trains and what comes of it."""

    module: nn.Module
    kind: str
    """Of the artifact: `adapter`, `projector`, `encoder`, `delta` …"""
    architecture: str
    """The word in config.json by which the loader knows how to build it."""
    settings: dict[str, Any]
    """`module` of config.json: sizes for the architecture."""
    reads_encoder: bool
    """Whether the frozen multilingual encoder is needed at load; then config.json pins it."""

    def write(self, variant: Path) -> None:
        """Put weights, fp16 safetensors in the ecosystem's own format where it has one, into the variant's folder."""
        ...

    def config(self) -> dict[str, Any]:
        """Entries of config.json beside the usual ones, or in their place."""
        ...


MakeLearner = Callable[..., Learner]
"""From `FrozenBase` and `TextEncoder`; keyword-only arguments are sizes that a recipe file's `module` may set."""
Settings = Callable[[int, FrozenBase], dict[str, Any]]
"""From the encoder's width and the base to an architecture's settings."""


@dataclass
class ModuleLearner:
    """A module of `hub.systems` between the frozen encoder and the frozen base."""

    module: nn.Module
    kind: str
    architecture: str
    settings: dict[str, Any]
    reads_encoder: bool = True

    def write(self, variant: Path) -> None:
        """One safetensors file."""
        save_weights(self.module, variant / WEIGHTS, torch.float16)

    def config(self) -> dict[str, Any]:
        """Nothing beside the usual."""
        return {}


def of_module(kind: str, architecture: str | Callable[[FrozenBase], str], settings: Settings) -> MakeLearner:
    """A learner that is one module of `hub.systems`, randomly initialised from torch's global seed.

    `architecture` may depend on the base.
    """

    def make(base: FrozenBase, encoder: TextEncoder, **sizes: Any) -> ModuleLearner:
        sizes = settings(encoder.width, base) | sizes
        chosen = architecture if isinstance(architecture, str) else architecture(base)
        return ModuleLearner(build(chosen, sizes), kind, chosen, sizes)

    return make


def projector_settings(encoder_width: int, base: FrozenBase) -> dict[str, Any]:
    """Three bias-free layers, four times as wide inside as what comes out; with a pooled head where the base reads one.

    Raises DoesNotFit for bases that hide pads: a projector says nothing of them.
    """
    if base.mask:
        raise DoesNotFit(f"a projector gives no mask, and this base ({base.family}) reads one: train `mulan` for it.")
    sizes = {"in_width": encoder_width, "out_width": base.width, "hidden_width": 4 * base.width, "linears": 3}
    return sizes if base.pooled_width is None else {**sizes, "pooled_width": base.pooled_width}
