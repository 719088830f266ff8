"""Everything a run needs to go on as if it had never stopped, as safetensors, written whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a run stood after `step` updates."""

    step: int
    seconds: float
    """Spent in training so far."""


def save(folder: Path, step: int, seconds: float, module: nn.Module, optimizer: torch.optim.Optimizer, ema: dict[str, Tensor]) -> Path:
    """Write `checkpoint-<step>.safetensors` and remove older ones."""
    tensors = {f"module.{name}": value for name, value in _learning(module).items()}
    tensors |= {f"ema.{name}": value for name, value in ema.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"checkpoint-{step:07d}.safetensors"
    unfinished = path.with_suffix(".part")
    contiguous = {name: value.detach().contiguous() for name, value in tensors.items()}
    save_file(contiguous, unfinished, metadata={"run": json.dumps({"step": step, "seconds": seconds})})
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)  # A reader sees the whole checkpoint or none of it.
    for older in sorted(folder.glob("checkpoint-*.safetensors"))[:-1]:
        older.unlink()
    return path


def find(folder: Path) -> Path | None:
    """The newest checkpoint of a run, or None."""
    return max(folder.glob("checkpoint-*.safetensors"), default=None)


def restore(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, ema: dict[str, Tensor]) -> Checkpoint:
    """Put weights, averages and optimiser moments back."""
    state: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    with safe_open(path, framework="pt") as file:
        run = json.loads(file.metadata()["run"])
        for key in file.keys():  # noqa: SIM118 -- safe_open is no mapping
            part, name = key.split(".", 1)
            if part == "module":
                weights[name] = file.get_tensor(key)
            elif part == "ema":
                ema[name].copy_(file.get_tensor(key))
            else:
                index, field = name.split(".", 1)
                state.setdefault(int(index), {})[field] = file.get_tensor(key)
    with torch.no_grad():
        for name, value in _learning(module).items():
            value.copy_(weights[name])
    whole = optimizer.state_dict()
    whole["state"] = state
    optimizer.load_state_dict(whole)
    return Checkpoint(run["step"], run["seconds"])


def _learning(module: nn.Module) -> dict[str, Tensor]:
    """Parameters that learn, and all buffers that are saved."""
    frozen = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    return {name: value for name, value in module.state_dict().items() if name not in frozen}
