"""Two rules for the device and data type of tensors.

Device: each computation looks up, when it runs, the device of its consumer: the denoiser's states, the weights of a layer, the
device of the call. Nothing is remembered from loading, because offloading, `pipe.to` and `device_map` move parts at any time.

Type: weights have the type of the load (`working_dtype` of the loader), except those that their class keeps in float32, and buffers
that are computed rather than stored, such as rotary frequencies.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


def is_on(module: nn.Module, device: torch.device) -> bool:
    """Return whether all of `module` is on `device`. A move that ran out of memory leaves a part behind."""
    return all(is_same(each.device, device) for each in (*module.parameters(), *module.buffers()))


def is_same(device: torch.device, wanted: torch.device) -> bool:
    """Return whether `device` is `wanted`, which may have no index."""
    return device.type == wanted.type and wanted.index in {None, device.index}


def is_kept_in_float32(model: nn.Module, dtype: torch.dtype | None) -> Callable[[str], bool]:
    """Return a function that decides, by name, whether a weight of `model` stays in float32 when the rest is in `dtype`.

    transformers and diffusers list such weights: float16 is too narrow for the second projection of T5's feed-forward layers.
    """
    named: Any = model
    words: set[str] = set()
    if dtype is torch.float16:
        words |= {*(getattr(named, "_keep_in_fp32_modules", None) or ())}
    if dtype in {torch.float16, torch.bfloat16}:
        words |= {*(getattr(named, "_keep_in_fp32_modules_strict", None) or ())}
    pattern = re.compile("|".join(rf"(?:^|\.){word}(?:\.|$)" for word in sorted(words)) or r"(?!)")
    return lambda name: pattern.search(name) is not None
