"""The accelerators that a forecast names, with the numbers of their data sheets."""

from __future__ import annotations

from dataclasses import dataclass

UTILISATION = 0.2
"""Share of an accelerator's peak that a step reaches. Training through a denoiser spends much of its time on memory traffic."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """An accelerator as its maker describes it."""

    name: str
    memory_bytes: int
    flops: float
    """Operations per second in bf16 with accumulation in fp32, without sparsity."""

    def hours(self, flops: float) -> float:
        """Return the hours that `flops` operations take."""
        return flops / (self.flops * UTILISATION) / 3600


ACCELERATORS = (
    Accelerator("RTX 3090", 24 << 30, 71e12),
    Accelerator("RTX 4090", 24 << 30, 165e12),
    Accelerator("L40S", 48 << 30, 362e12),
    Accelerator("A100 40 GB", 40 << 30, 312e12),
    Accelerator("A100 80 GB", 80 << 30, 312e12),
    Accelerator("H100 SXM", 80 << 30, 989e12),
    Accelerator("H200", 141_000_000_000, 989e12),
    Accelerator("B200", 180_000_000_000, 2250e12),
)
"""In the order in which a forecast lists them. Source: data sheets of NVIDIA; of consumer cards, the architecture white papers."""
