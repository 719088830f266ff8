"""Run one phase: train its parameters with the loop, and save the result so that a resumed run skips it."""

from __future__ import annotations

import copy
import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from hub.weights.threads import limit_threads
from trainers.inputs.features import FeatureDataset
from trainers.learners.denoiser_memory import recompute_activations
from trainers.loop import sharding
from trainers.loop.checkpoint import gather_parts, keep_newest, trainable_tensors, write_tensors
from trainers.loop.distributed import device_of
from trainers.loop.failures import catch_write_errors
from trainers.loop.loop import train
from trainers.recipes.plan import Phase
from trainers.samples.samples import Samples

WEIGHTS = "module.safetensors"
CHECKPOINTS = 10
"""Checkpoints written during each phase."""


@dataclass(frozen=True, slots=True)
class PhaseOutcome:
    """Duration, last losses and trained parameters of a phase."""

    seconds: float
    losses: dict[str, float]
    parameters: dict[str, int]
    """Names of the trained parameters, and their numbers of elements."""


def run_phase(
    phase: Phase,
    place: Path,
    module: nn.Module,
    features: FeatureDataset,
    accelerator: Accelerator,
    *,
    label: str,
    samples: Samples | None,
    quiet: bool,
) -> PhaseOutcome:
    """Train the module in place, with checkpoints in `place`; load a finished phase from there instead.

    A finished phase whose recipe has more steps now is continued. Raises the errors of `trainers.loop.loop.train`.
    """
    device, main, is_sharded = device_of(accelerator), accelerator.is_main_process, sharding.is_requested(accelerator)
    # A sharded module cannot be gathered in place: a copy is trained, and its weights are then loaded into the module.
    working = copy.deepcopy(module).to(device) if is_sharded else module
    method: Any = phase.make(working, features)  # It marks the trainable parameters, also of a finished phase.
    if "latents" in phase.needs and features.bucket_N is not None:
        method.example_groups = features.bucket_N
    parameters = {name: value.numel() for name, value in working.named_parameters() if value.requires_grad}
    finished = _read_outcome(place)
    if finished is not None and phase.recipe.steps <= finished.get("steps", phase.recipe.steps):
        _load_weights(module, [*trainable_tensors(working)], place)
        return PhaseOutcome(finished["seconds"], finished["losses"], parameters)
    recompute = recompute_activations(features.base, working, enabled=phase.recipe.gradient_checkpointing)
    with attention_backend(device), limit_threads(device), recompute:
        run = train(
            method,
            phase.recipe,
            place,
            checkpoint_every=max(1, phase.recipe.steps // CHECKPOINTS),
            quiet=quiet,
            label=label,
            device="cpu" if device.type == "cpu" else None,
            sample_every=samples.every if samples else 0,
            on_sample=partial(samples.show, working, phase.name) if samples else None,
        )
    working.eval()
    tensors = gather_parts(trainable_tensors(working), main=main)
    if main:
        _finish(place, tensors, {"seconds": run.seconds, "losses": run.last_losses, "steps": run.steps})
    accelerator.wait_for_everyone()
    if is_sharded:
        _load_weights(module, [*trainable_tensors(working)], place)
    return PhaseOutcome(run.seconds, run.last_losses, parameters)


def attention_backend(device: torch.device) -> AbstractContextManager[Any]:
    """Use plain attention on CPUs, where fused attention is slow for short sequences.

    docs/internals/performance-training.md has the figures.
    """
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _finish(place: Path, weights: dict[str, Tensor], outcome: dict[str, Any]) -> None:
    """Save the weights, then `finished.json`: a phase without it is run again from its newest checkpoint."""
    write_tensors(place / WEIGHTS, weights, {}, what=f"the weights of phase {place.name}")
    with catch_write_errors(f"the result of phase {place.name}", "free some space, then continue with `--resume`."):
        (place / "finished.part").write_text(json.dumps(outcome))
        (place / "finished.part").replace(place / "finished.json")
    keep_newest(place)


@torch.no_grad()
def _load_weights(module: nn.Module, names: list[str], place: Path) -> None:
    """Copy the named weights of a finished phase into the module."""
    found = load_file(place / WEIGHTS)
    own = dict(module.named_parameters()) | dict(module.named_buffers())
    for name in names:
        own[name].copy_(found[name])


def finished_steps(place: Path) -> int:
    """Return the number of steps of a finished phase; 0 for any other."""
    return int((_read_outcome(place) or {}).get("steps", 0))


def _read_outcome(place: Path) -> dict[str, Any] | None:
    path = place / "finished.json"
    if not path.is_file():
        return None
    outcome: dict[str, Any] = json.loads(path.read_text())
    return outcome
