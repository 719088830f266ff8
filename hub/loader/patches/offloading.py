"""Suspend diffusers' offloading while parts of a pipeline are changed.

diffusers' own loaders remove the hooks and set them again, but on the device of the text encoder, which is the CPU at that time
(textual inversion), or on the first GPU (LoRAs).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accelerate.hooks import CpuOffload
from torch import nn


@contextmanager
def without_offloading(pipe: Any) -> Iterator[None]:
    """Remove the hooks of model and sequential offloading, and set them again for the same device."""
    parts = [part for part in pipe.components.values() if isinstance(part, nn.Module)]
    hooks = [hook for part in parts if (hook := getattr(part, "_hf_hook", None)) is not None]
    if not hooks or pipe.hf_device_map is not None:  # hooks of a device map hold no copies
        yield
        return
    device = pipe._execution_device  # noqa: SLF001 - a property of all pipelines, which only knows while there are hooks
    is_by_model = any(isinstance(hook, CpuOffload) for hook in hooks)
    pipe.remove_all_hooks()
    try:
        yield
    finally:
        offload = pipe.enable_model_cpu_offload if is_by_model else pipe.enable_sequential_cpu_offload
        offload(device=device)
