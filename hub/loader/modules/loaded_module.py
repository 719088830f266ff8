"""One language module in memory, with its encoder and its patch of the base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers.initialization import no_init_weights

from hub.bases.patch import Patch
from hub.encoders.joined_encoder import JoinedEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit
from hub.loader.modules.module_config import WEIGHTS, ModuleConfig, PromptRule
from hub.loader.modules.phrase_reader import PhraseReader
from hub.loader.modules.shared_encoder import SharedEncoder
from hub.loader.modules.translator import Translator
from hub.records import join_names
from hub.systems.architectures import build
from hub.weights.module_size import bytes_of
from hub.weights.strict import load_weights, stored_dtype


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModule:
    """A loaded module under its name in `set_adapters`."""

    name: str
    config: ModuleConfig
    module: nn.Module | None
    """None if the base's own text encoder reads the prompts, patched or translated."""
    shared: tuple[SharedEncoder, ...]
    """The module's encoders, shared with other modules; their states are joined."""
    patch: Patch | None = None
    """Its change of the base while it is active."""
    translator: Translator | PhraseReader | None = None
    """Gives its prompts in English to the base's encoder."""
    patch_bytes: int = 0
    """Bytes of the patch's files."""

    @property
    def encoder(self) -> TextEncoder | JoinedEncoder | None:
        """Return the encoder at the module's readout, reloading it if it was freed; None without one."""
        return join_encoders(self.shared, self.config) if self.shared else None

    @property
    def dtype(self) -> torch.dtype:
        """Return the type of the module's weights."""
        assert self.module is not None
        return next(self.module.parameters()).dtype

    @property
    def size_bytes(self) -> int:
        """Return its own size, without the shared encoders."""
        own = [self.module, None if self.translator is None else self.translator.model]
        return sum(bytes_of(each) for each in own if each is not None) + self.patch_bytes

    def length(self, rule: PromptRule) -> int:
        """Return the number of tokens that it returns for a prompt under `rule`."""
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
    """Load the variant in `folder`. Raises WeightsDoNotFit, DamagedFile, InvalidSource and DoesNotFit."""
    with torch.device("meta"), no_init_weights():  # no memory, no random start
        module = build(config.variant.architecture, config.module)
    encoder = join_encoders(shared, config)
    encoder_name = f"`{join_names(pin.name for pin in config.variant.encoders) or config.own_encoder}`"
    if "in_width" in config.module and config.module["in_width"] != encoder.width:
        raise DoesNotFit(
            f"`{name}` reads states of width {config.module['in_width']}, and its encoder {encoder_name} gives {encoder.width}. "
            f"Use the encoder that it was trained on: `hub show {name}` names it."
        )
    pooled = getattr(module, "reads_pooled", None)
    if pooled is not None and pooled != encoder.pooled_width:
        raise DoesNotFit(
            f"`{name}` reads a pooled vector of width {pooled}, and its encoder {encoder_name} gives {encoder.pooled_width or 'none'}. "
            f"Use the encoder that it was trained on: `hub show {name}` names it."
        )
    load_weights(module, folder / WEIGHTS, what=name, device=device, dtype=dtype)
    return LoadedModule(name, config, module.eval().requires_grad_(False), shared)


def join_encoders(shared: tuple[SharedEncoder, ...], config: ModuleConfig) -> TextEncoder | JoinedEncoder:
    """Return the only encoder, or all of them joined."""
    parts = tuple(
        each.get().with_readout(rule.readout, sees_padding=rule.sees_padding, prefix=rule.prefix)
        for each, rule in zip(shared, config.encoder_rules, strict=True)
    )
    return parts[0] if len(parts) == 1 else JoinedEncoder(parts)


def working_dtype(dtype: torch.dtype | None, device: torch.device, weights: Path, *, what: str) -> torch.dtype:
    """Return `dtype`, or by default the stored type, or float32 on a CPU, where half precision is slower.

    `device` is that of `load_pipeline`, also for modules that are loaded later: all modules of a pipeline follow the same rule.
    """
    if dtype is not None:
        return dtype
    return torch.float32 if device.type == "cpu" else stored_dtype(weights, what=what)
