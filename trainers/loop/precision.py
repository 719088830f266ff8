"""Which number types a device computes in by itself: what it only imitates is many times slower than float32."""

from __future__ import annotations

import torch

_BF16 = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")
"""Instructions, as `torch.cpu.get_capabilities` names them, of x86 and of ARM."""


def has_bf16(device: torch.device) -> bool:
    """Whether `device` multiplies matrices in bf16.

    A CPU without the instructions imitates them: 512 × 512 took 219 ms on one with AVX2 alone, and 6 ms in float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in _BF16)


def precision_on(device: torch.device, wanted: str) -> str:
    """`wanted` of a recipe, `bf16`, `fp16` or `no`; float32, `no`, in the place of bf16 that the device only imitates."""
    return "no" if wanted == "bf16" and not has_bf16(device) else wanted
