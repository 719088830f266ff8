"""One language module in memory, with the encoder it reads and what it changes in the base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers.initialization import no_init_weights

from hub.bases.patch import Patch
from hub.encoders.encoder import TextEncoder
from hub.encoders.joined_encoder import JoinedEncoder
from hub.errors import DoesNotFit
from hub.loader.modules.module_config import WEIGHTS, ModuleConfig, PromptRule
from hub.loader.modules.shared_encoder import SharedEncoder
from hub.loader.modules.translator import Translator
from hub.records import joined
from hub.systems.architectures import build
from hub.weights.memory import bytes_of
from hub.weights.strict import load_weights, stored_dtype


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModule:
    """A built module under the name by which `set_adapters` knows it."""

    name: str
    config: ModuleConfig
    module: nn.Module | None
    """None when the base's own text encoder reads the prompts, changed or translated."""
    shared: tuple[SharedEncoder, ...]
    """What the module reads: encoders, each one for all residents that read it, whose states are joined; empty without any."""
    patch: Patch | None = None
    """What it changes in the base while it reads."""
    translator: Translator | None = None
    """What says its prompts in English before the base reads them."""
    patch_bytes: int = 0
    """Bytes of the files that hold the change."""

    @property
    def encoder(self) -> TextEncoder | JoinedEncoder | None:
        """What the module reads, at its read-out; from disk again when it was freed. None without one."""
        return _side_by_side(self.shared, self.config) if self.shared else None

    @property
    def dtype(self) -> torch.dtype:
        """Of its module's weights."""
        assert self.module is not None
        return next(self.module.parameters()).dtype

    @property
    def size_bytes(self) -> int:
        """Of what is its own: its encoder is counted once for all who read it."""
        own = [self.module, None if self.translator is None else self.translator.model]
        return sum(bytes_of(each) for each in own if each is not None) + self.patch_bytes

    def length(self, rule: PromptRule) -> int:
        """Tokens it gives for a prompt under `rule`."""
        return self.config.variant.conditioning.length or rule.kept


def load_module(
    name: str,
    folder: Path,
    config: ModuleConfig,
    shared: tuple[SharedEncoder, ...],
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> LoadedModule:
    """Build the variant in `folder`. Raises WeightsDoNotFit, Damaged, WrongSource, DoesNotFit."""
    with torch.device("meta"), no_init_weights():  # no memory, no random start
        module = build(config.variant.architecture, config.module)
    encoder = _side_by_side(shared, config)
    called = f"`{joined(pin.name for pin in config.variant.encoders) or config.own_encoder}`"
    if "in_width" in config.module and config.module["in_width"] != encoder.width:
        raise DoesNotFit(
            f"`{name}` reads states of width {config.module['in_width']}, and its encoder {called} gives {encoder.width}. "
            f"Fetch the encoder it was trained on, or take the module's config from where it came: `hub show {name}`."
        )
    pooled = getattr(module, "reads_pooled", None)
    if pooled is not None and pooled != encoder.pooled_width:
        raise DoesNotFit(
            f"`{name}` reads a pooled vector of width {pooled}, and its encoder {called} gives {encoder.pooled_width or 'none'}. "
            f"See what it was trained on with `hub show {name}`."
        )
    load_weights(module, folder / WEIGHTS, what=name, device=device, dtype=dtype)
    return LoadedModule(name, config, module.eval().requires_grad_(False), shared)


def _side_by_side(shared: tuple[SharedEncoder, ...], config: ModuleConfig) -> TextEncoder | JoinedEncoder:
    """The one encoder, or several as one."""
    parts = tuple(
        each.get().reading(way.readout, sees_padding=way.sees_padding)
        for each, way in zip(shared, config.read_by, strict=True)
    )
    return parts[0] if len(parts) == 1 else JoinedEncoder(parts)


def working_dtype(dtype: torch.dtype | None, device: torch.device, weights: Path, *, what: str) -> torch.dtype:
    """What to compute in: as asked; else as stored, but never in half precision on a CPU, which is slower there than float32."""
    if dtype is not None:
        return dtype
    return torch.float32 if device.type == "cpu" else stored_dtype(weights, what=what)
