"""One language module in memory, with the encoder it reads and what it changes in the base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from transformers.initialization import no_init_weights

from hub.errors import DoesNotFit
from hub.loader.changes import Change
from hub.loader.config import WEIGHTS, ModuleConfig, PromptRule
from hub.loader.translator import Translator
from hub.modules import TextEncoder, build, load_weights, stored_dtype


@dataclass(frozen=True, slots=True, eq=False)
class Resident:
    """A built module under the name by which `set_adapters` knows it."""

    name: str
    config: ModuleConfig
    module: nn.Module | None
    """None when the base's own text encoder reads the prompts, changed or translated."""
    encoder: TextEncoder | None
    """What the module reads; None without one."""
    encoder_folder: Path | None
    """Where the encoder was read from: the next resident that asks for it shares this one."""
    change: Change | None = None
    """What it changes in the base while it reads."""
    translator: Translator | None = None
    """What says its prompts in English before the base reads them."""

    @property
    def dtype(self) -> torch.dtype:
        """Of its module's weights."""
        assert self.module is not None
        return next(self.module.parameters()).dtype

    def length(self, rule: PromptRule) -> int:
        """Tokens it gives for a prompt under `rule`."""
        return self.config.variant.conditioning.length or rule.kept


def read_resident(
    name: str,
    folder: Path,
    config: ModuleConfig,
    encoder: TextEncoder,
    encoder_folder: Path,
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> Resident:
    """Build the variant in `folder`. Raises WeightsDoNotFit, Damaged, WrongSource, DoesNotFit."""
    with torch.device("meta"), no_init_weights():  # no memory, no random start
        module = build(config.variant.architecture, config.module)
    if "in_width" in config.module and config.module["in_width"] != encoder.width:
        raise DoesNotFit(
            f"`{name}` reads states of width {config.module['in_width']}, and its encoder "
            f"`{config.variant.encoder.name if config.variant.encoder else '?'}` gives {encoder.width}."
        )
    load_weights(module, folder / WEIGHTS, what=name, device=device, dtype=dtype)
    return Resident(name, config, module.eval().requires_grad_(False), encoder.reading(config.readout), encoder_folder)


def working_dtype(dtype: torch.dtype | None, device: torch.device, weights: Path, *, what: str) -> torch.dtype:
    """What to compute in: as asked; else as stored, but never in half precision on a CPU, which is slower there than float32."""
    if dtype is not None:
        return dtype
    return torch.float32 if device.type == "cpu" else stored_dtype(weights, what=what)
