"""What a run takes: stages with their memory and operations, disk, host memory, and what would be refused."""

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

    def settings_for(self, memory_bytes: int) -> str | None:
        """Return the options with which the phase fits into a device: empty for those it has, None if none do."""
        free = memory_bytes - sum(self.resident.values()) - CONTEXT
        if self.activations.peak_bytes <= free:
            return ""
        for tried in (self.activations, self.other):
            if tried is None or not self.steps:
                continue
            for parts in range(1, self.batch_size + 1):
                at_once = self.batch_size // parts
                if self.batch_size % parts == 0 and tried.peak_bytes * at_once / self.at_once <= free:
                    more = " --set gradient_checkpointing=true" if tried is self.other and tried.recomputed else ""
                    return f"--accumulate {parts}{more}"
        return None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run takes."""

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
        needed = [stage.settings_for(accelerator.memory_bytes) for stage in self.stages]
        if any(each is None for each in needed):
            return None
        return max((each or "" for each in needed), key=lambda each: (len(each.split()), each))

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
