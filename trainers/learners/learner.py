"""Learners: the module being trained, and how it becomes an artifact. The loop and the publisher use this interface.

A learner is created once per run, from the frozen base and encoder. The loop trains the parameters of its `module` that
have `requires_grad`; frozen copies in it are neither saved in checkpoints nor decayed. Afterwards `write` saves the
weights in a variant's folder, and `config` returns the learner's own entries of `config.json`.
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
from hub.loader.modules.module_config import WEIGHTS
from hub.systems.architectures import build
from hub.weights.strict import save_weights


class Learner(Protocol):
    """A module to train, and how to save it."""

    module: nn.Module
    kind: str
    """Kind of the artifact: `adapter`, `projector`, `encoder`, `delta` …"""
    architecture: str
    """The architecture's name in config.json, by which the loader builds it."""
    settings: dict[str, Any]
    """`module` of config.json: sizes of the architecture."""
    uses_encoder: bool
    """Whether the frozen multilingual encoder is needed at load; config.json then pins it."""

    def write(self, variant: Path) -> None:
        """Write fp16 safetensors to the variant's folder, in the ecosystem's own format if there is one."""
        ...

    def config(self) -> dict[str, Any]:
        """Return entries that extend or replace the usual ones of config.json."""
        ...


MakeLearner = Callable[..., Learner]
"""Takes `FrozenBase` and `TextEncoder`; keyword-only arguments are sizes that a recipe file's `module` can set."""
Settings = Callable[[int, FrozenBase], dict[str, Any]]
"""Takes the encoder's width and the base, and returns the settings of an architecture."""


@dataclass
class ModuleLearner:
    """A learner of one module of `hub.systems` between the frozen encoder and the frozen base."""

    module: nn.Module
    kind: str
    architecture: str
    settings: dict[str, Any]
    uses_encoder: bool = True

    def write(self, variant: Path) -> None:
        """Write one safetensors file."""
        save_weights(self.module, variant / WEIGHTS, torch.float16)

    def config(self) -> dict[str, Any]:
        """Return no additional entries."""
        return {}


def make_module_learner(kind: str, architecture: str | Callable[[FrozenBase], str], settings: Settings) -> MakeLearner:
    """Return a factory of learners with one module of `hub.systems`, randomly initialised from torch's global seed.

    `architecture` can depend on the base.
    """

    def make(base: FrozenBase, encoder: TextEncoder, **sizes: Any) -> ModuleLearner:
        sizes = settings(encoder.width, base) | sizes
        chosen = architecture if isinstance(architecture, str) else architecture(base)
        return ModuleLearner(build(chosen, sizes), kind, chosen, sizes)

    return make


def projector_settings(encoder_width: int, base: FrozenBase) -> dict[str, Any]:
    """Return the sizes of a projector: three bias-free layers, four times as wide inside as the output.

    It has a pooled head if the base has a pooled embedding, for FLUX.1 in its published form, and passes the encoder's mask on
    if the base reads one.
    """
    sizes: dict[str, Any] = {"in_width": encoder_width, "out_width": base.width, "hidden_width": 4 * base.width}
    sizes["linears"] = 3
    if base.mask:
        sizes["mask"] = True
    if base.family == "flux":
        sizes["pooled_from"] = "fc"
    return sizes if base.pooled_width is None else {**sizes, "pooled_width": base.pooled_width}
