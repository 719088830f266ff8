"""The resources of a run: stages with their memory and operations, disk, host memory, and problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainers.forecast.accelerators import ACCELERATORS, UTILISATION, Accelerator

CONTEXT = 600 << 20
"""Bytes of a GPU that CUDA's context and its libraries take. What the allocator loses between blocks is not counted."""


@dataclass(frozen=True, slots=True)
class Activations:
    """The activations of a step, and its operations, with or without recomputation."""

    recomputed: bool
    peak_bytes: int
    flops: int


@dataclass(frozen=True, slots=True)
class Stage:
    """The filling of the caches, or a phase."""

    name: str
    steps: int
    """Updates; 0 for the caches."""
    batch_size: int
    at_once: int
    """Examples of a batch that are on the device together."""
    resident: Mapping[str, int]
    """Bytes on the device all the time: weights of each kind, gradients, optimiser."""
    activations: Activations
    other: Activations | None = None
    """With the other value of `gradient_checkpointing`, if the phase runs a denoiser."""

    @property
    def device_bytes(self) -> int:
        """Most bytes on the device at once."""
        return sum(self.resident.values()) + self.activations.peak_bytes + CONTEXT

    def fits(self, memory_bytes: int, parts: int, *, recompute: bool) -> bool:
        """Return whether the stage fits into a device with its batches in `parts`, and activations recomputed as requested or as now."""
        if self.batch_size % parts:
            return False
        tried = self.other if recompute and self.other is not None and self.other.recomputed else self.activations
        at_once = min(self.at_once, self.batch_size // parts) if self.batch_size else self.at_once
        return sum(self.resident.values()) + CONTEXT + tried.peak_bytes * at_once / self.at_once <= memory_bytes


@dataclass(frozen=True, slots=True)
class Forecast:
    """The resources of a run."""

    title: str
    texts: int
    pairs: int
    stages: tuple[Stage, ...]
    """First the caches."""
    cache_flops: float
    disk: Mapping[str, int]
    """Bytes of the caches by feature."""
    free_disk: int
    host: Mapping[str, int]
    """Bytes of the host's memory by use, at its peak."""
    images: int
    """Images that the evaluation generates at most."""
    price_per_hour: float
    refused: tuple[str, ...] = field(default=())
    """Reasons for which the run would stop before or after its first step, on this machine."""

    @property
    def device_bytes(self) -> int:
        """Most bytes on the device at once."""
        return max(stage.device_bytes for stage in self.stages)

    @property
    def host_bytes(self) -> int:
        """Most bytes of the host's memory at once."""
        return sum(self.host.values())

    @property
    def flops(self) -> float:
        """Operations of the whole run, without the evaluation."""
        phases = sum(stage.steps * stage.activations.flops * stage.batch_size / stage.at_once for stage in self.stages)
        return self.cache_flops + phases

    def options_for(self, accelerator: Accelerator) -> str | None:
        """Return the options that the run needs on an accelerator: empty for none, None if it does not fit."""
        if all(stage.device_bytes <= accelerator.memory_bytes for stage in self.stages):
            return ""
        for recompute in (False, True):
            for parts in range(1, max(stage.batch_size for stage in self.stages) + 1):
                if all(stage.fits(accelerator.memory_bytes, parts, recompute=recompute) for stage in self.stages):
                    split = [f"--accumulate {parts}"] if parts > 1 else []
                    return " ".join([*split, *(["--set gradient_checkpointing=true"] if recompute else [])])
        return None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of `hub train --dry-run --json`."""
        return {
            "title": self.title, "texts": self.texts, "pairs": self.pairs, "device_bytes": self.device_bytes,
            "stages": [
                {
                    "name": each.name, "steps": each.steps, "batch_size": each.batch_size, "at_once": each.at_once,
                    "device_bytes": each.device_bytes, "gradient_checkpointing": each.activations.recomputed,
                    "memory": {**each.resident, "activations": each.activations.peak_bytes, "context": CONTEXT},
                    "activations_otherwise": each.other.peak_bytes if each.other else None,
                    "flops_per_update": each.activations.flops * each.batch_size // each.at_once,
                }
                for each in self.stages
            ],
            "host": dict(self.host), "host_bytes": self.host_bytes, "disk": dict(self.disk),
            "disk_bytes": sum(self.disk.values()), "free_disk_bytes": self.free_disk, "flops": self.flops,
            "evaluation_images": self.images, "utilisation": UTILISATION,
            "accelerators": [
                {
                    "name": each.name, "memory_bytes": each.memory_bytes, "options": self.options_for(each),
                    "hours": round(each.hours(self.flops), 2), "money": round(each.hours(self.flops) * self.price_per_hour, 2),
                }
                for each in ACCELERATORS
            ],
            "refused": list(self.refused),
        }  # fmt: skip
