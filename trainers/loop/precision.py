"""Choose the precision of a device. Types that it only emulates are many times slower than float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_BF16 = ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16")
"""Names of bf16 instructions of x86 and ARM in `torch.cpu.get_capabilities`."""


def has_bf16(device: torch.device) -> bool:
    """Return whether `device` has bf16 matrix multiplication.

    A CPU without it emulates it: 512 × 512 took 219 ms on a CPU with AVX2 only, and 6 ms in float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in _BF16)


@contextmanager
def tf32(device: torch.device) -> Iterator[None]:
    """Let a GPU multiply fp32 matrices in TF32, several times faster, for outputs that are stored in 16 bits. CPUs change nothing."""
    if device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def precision_on(device: torch.device, wanted: str) -> str:
    """Return the precision `wanted` by a recipe (`bf16`, `fp16` or `no`), or `no` if the device only emulates bf16."""
    return "no" if wanted == "bf16" and not has_bf16(device) else wanted
