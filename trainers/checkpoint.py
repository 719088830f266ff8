"""Everything a run needs to go on as if it had never stopped, as safetensors, written whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hub.errors import Damaged, WeightsDoNotFit


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a run stood after `step` updates."""

    step: int
    seconds: float
    """Spent in training so far."""


def save(
    folder: Path, step: int, seconds: float, module: nn.Module, optimizer: torch.optim.Optimizer, ema: dict[str, Tensor]
) -> Path:
    """Write `checkpoint-<step>.safetensors` and remove older ones."""
    tensors = {f"module.{name}": value for name, value in learning(module).items()}
    tensors |= {f"ema.{name}": value for name, value in ema.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"checkpoint-{step:07d}.safetensors"
    unfinished = path.with_suffix(".part")
    contiguous = {name: value.detach().contiguous() for name, value in tensors.items()}
    save_file(contiguous, unfinished, metadata={"run": json.dumps({"step": step, "seconds": seconds})})
    _sync(unfinished)
    unfinished.replace(path)  # A reader sees the whole checkpoint or none of it.
    _sync(folder)
    # What an earlier, killed process left half-written goes together with what is now out of date.
    for older in [*sorted(folder.glob("checkpoint-*.safetensors"))[:-1], *folder.glob("checkpoint-*.part")]:
        older.unlink(missing_ok=True)
    return path


def find(folder: Path) -> Path | None:
    """The newest checkpoint of a run, or None."""
    return max(folder.glob("checkpoint-*.safetensors"), default=None)


def clear(folder: Path) -> None:
    """Forget a run: its checkpoints and its log."""
    for path in [*folder.glob("checkpoint-*"), folder / "metrics.jsonl"]:
        path.unlink(missing_ok=True)


def restore(path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, ema: dict[str, Tensor]) -> Checkpoint:
    """Put weights, averages and optimiser moments back.

    Raises Damaged when the file cannot be read, and WeightsDoNotFit when it belongs to another module.
    """
    state: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    averages: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            run = json.loads(file.metadata()["run"])
            for key in file.keys():  # noqa: SIM118 -- safe_open is no mapping
                part, name = key.split(".", 1)
                if part == "module":
                    weights[name] = file.get_tensor(key)
                elif part == "ema":
                    averages[name] = file.get_tensor(key)
                else:
                    index, field = name.split(".", 1)
                    state.setdefault(int(index), {})[field] = file.get_tensor(key)
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise Damaged(f"the checkpoint {path.name} cannot be read ({error}): delete it and train again.") from error
    _put(weights, learning(module), path.name)
    _put(averages, ema, path.name)
    whole = optimizer.state_dict()
    whole["state"] = state
    optimizer.load_state_dict(whole)
    return Checkpoint(run["step"], run["seconds"])


def learning(module: nn.Module) -> dict[str, Tensor]:
    """Parameters that learn and saved buffers, each tensor once; nothing of a frozen submodule."""
    tensors: dict[str, Tensor] = {name: value for name, value in module.named_parameters() if value.requires_grad}
    for name, buffer in module.named_buffers():
        owner_name, _, own_name = name.rpartition(".")
        owner = module.get_submodule(owner_name)
        parameters = list(owner.parameters())
        frozen = bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
        # torch tells nowhere else which buffers `state_dict` leaves out, and listing one knows nothing of freezing.
        if own_name not in owner._non_persistent_buffers_set and not frozen:  # noqa: SLF001
            tensors[name] = buffer
    return tensors


@torch.no_grad()
def _put(found: dict[str, Tensor], wanted: dict[str, Tensor], what: str) -> None:
    """Copy tensors by name. Names that are no longer wanted are ignored: what is frozen was once saved too."""
    problems = [f"`{name}` is missing" for name in wanted if name not in found]
    problems += [
        f"`{name}` is {tuple(found[name].shape)}, not {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    ]
    if problems:
        raise WeightsDoNotFit(what, problems)
    for name, value in wanted.items():
        value.copy_(found[name])


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
