"""One phase of a run: the loop on what learns in it, and what is kept so that a resumed run skips it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainers.inputs.features import FeatureDataset
from trainers.loop import sharding
from trainers.loop.checkpoint import gather_parts, trainable_tensors, write_tensors
from trainers.loop.failures import writing
from trainers.loop.loop import train
from trainers.loop.processes import device_of
from trainers.recipes.plan import Phase
from trainers.samples.samples import Samples

LEARNT = "module.safetensors"
MAX_CORES = 2
CHECKPOINTS = 10
"""Written over each phase."""


@dataclass(frozen=True, slots=True)
class PhaseOutcome:
    """What a phase took and where it ended."""

    seconds: float
    losses: dict[str, float]
    """Last ones."""
    learnt: dict[str, int]
    """Parameters that learnt in it, and how many numbers each holds."""


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
    """Train the module in place, keeping the run in `place`; a finished phase is read back instead."""
    device, main, spread = device_of(accelerator), accelerator.is_main_process, sharding.wanted(accelerator)
    # What is spread over processes cannot be put together in place: a copy learns, and the module takes what it learnt.
    working = copy.deepcopy(module).to(device) if spread else module
    method = phase.make(working, features)  # says what learns in this phase, finished or not
    learnt = {name: value.numel() for name, value in working.named_parameters() if value.requires_grad}
    if (finished := _finished(place)) is not None:
        _take(module, [*trainable_tensors(working)], place)
        return PhaseOutcome(finished["seconds"], finished["losses"], learnt)
    with attention(device), threads(device):
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
        _finish(place, tensors, {"seconds": run.seconds, "losses": run.last_losses})
    accelerator.wait_for_everyone()
    if spread:
        _take(module, [*trainable_tensors(working)], place)
    return PhaseOutcome(run.seconds, run.last_losses, learnt)


def attention(device: torch.device) -> AbstractContextManager[Any]:
    """On CPUs fused attention is slow for short sequences: a step of 128 texts took 174 ms, and takes 66."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


@contextmanager
def threads(device: torch.device) -> Iterator[None]:
    """On two cores one thread: small steps wait longer for a second one than it helps (35 ms a step, and 77 with two)."""
    before = torch.get_num_threads()
    if device.type == "cpu" and before == MAX_CORES:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _finish(place: Path, learnt: dict[str, Tensor], outcome: dict[str, Any]) -> None:
    """`finished.json` comes last: a phase without it is run again from its newest checkpoint."""
    write_tensors(place / LEARNT, learnt, {}, what=f"what phase {place.name} learnt")
    with writing(f"the end of phase {place.name}", "make room, then go on with `--resume`."):
        (place / "finished.part").write_text(json.dumps(outcome))
        (place / "finished.part").replace(place / "finished.json")
    for path in place.glob("checkpoint-*"):
        path.unlink()


@torch.no_grad()
def _take(module: nn.Module, names: list[str], place: Path) -> None:
    """Put what a phase learnt, which has these names, into the module."""
    found = load_file(place / LEARNT)
    own = dict(module.named_parameters()) | dict(module.named_buffers())
    for name in names:
        own[name].copy_(found[name])


def _finished(place: Path) -> dict[str, Any] | None:
    path = place / "finished.json"
    if not path.is_file():
        return None
    outcome: dict[str, Any] = json.loads(path.read_text())
    return outcome
