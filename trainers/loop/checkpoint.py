"""Save and restore checkpoints, from which a run resumes exactly. They are safetensors files, written atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from hub.errors import DamagedFile, InvalidRequest, Unreachable, WeightsDoNotFit
from trainers.loop.failures import catch_write_errors
from trainers.loop.sharding import gather_whole, take_part

EMPTY: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a run after `step` updates."""

    step: int
    seconds: float
    """Training time so far."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """All fields of the recipe; a run with another recipe is not the same run."""
    validation: float | None = None
    """The method's validation value for the averaged weights; lower is better."""
    scaler: dict[str, float] = field(default_factory=dict)
    """State of the gradient scaler of fp16; a new scaler skips updates until it has found its scale again."""


def save(
    folder: Path,
    at: Checkpoint,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    ema: dict[str, Tensor],
    *,
    keep: int = 1,
    main: bool = True,
) -> Path:
    """Write `checkpoint-<step>.safetensors`, and delete all older ones but the last `keep` and the best.

    All processes must call it, since each may hold a part of the weights; the `main` one gathers and writes them.

    Raises `Unreachable` if the file cannot be written; older checkpoints are then unchanged.
    """
    parts = {f"module.{name}": value for name, value in trainable_tensors(module).items()}
    parts |= {f"ema.{name}": value for name, value in ema.items()}
    for index, state in optimizer.state_dict()["state"].items():
        parts |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    path = folder / f"checkpoint-{at.step:07d}.safetensors"
    tensors = gather_parts(parts, main=main)
    if not main:
        return path
    write_tensors(path, tensors, {"run": json.dumps(asdict(at))}, what=f"the checkpoint of step {at.step}")
    # This also deletes the unfinished file of an earlier process that was killed.
    checkpoints = sorted(folder.glob("checkpoint-*.safetensors"))
    kept = {*checkpoints[-max(1, keep) :], find_best(folder)}
    for older in [*(each for each in checkpoints if each not in kept), *folder.glob("checkpoint-*.part")]:
        older.unlink(missing_ok=True)
    return path


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str], *, what: str) -> None:
    """Write a safetensors file atomically. Raises `Unreachable` if it cannot be written."""
    unfinished = path.with_suffix(".part")
    contiguous = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
    try:
        with catch_write_errors(
            what, "free some space, then continue with `--resume`; earlier checkpoints are unchanged."
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(contiguous, unfinished, metadata=metadata)
            _sync(unfinished)
            unfinished.replace(path)  # A reader sees the whole file or none of it.
            _sync(path.parent)
    except Unreachable:
        unfinished.unlink(missing_ok=True)
        raise


def gather_parts(parts: dict[str, Tensor], *, main: bool) -> dict[str, Tensor]:
    """Gather sharded tensors in the `main` process; other processes return an empty mapping. All processes must call it."""
    tensors: dict[str, Tensor] = {}
    for name, part in parts.items():
        tensor = gather_whole(part)
        if main:
            tensors[name] = tensor
    return tensors


def find_newest(folder: Path) -> Path | None:
    """Return the newest checkpoint of a run, or None."""
    return max(folder.glob("checkpoint-*.safetensors"), default=None)


def find_best(folder: Path) -> Path | None:
    """Return the checkpoint with the lowest validation value, the newer of equal ones; None if there are no values."""
    values = {
        path: _read_header(path).validation for path in sorted(folder.glob("checkpoint-*.safetensors"), reverse=True)
    }
    return min(
        (path for path, value in values.items() if value is not None),
        key=lambda path: values[path] or 0.0,
        default=None,
    )


def keep_newest(folder: Path) -> None:
    """Delete all checkpoints of a finished run but the newest, from which it can be continued."""
    newest = find_newest(folder)
    for path in folder.glob("checkpoint-*"):
        if path != newest:
            path.unlink()


def clear(folder: Path) -> None:
    """Delete the checkpoints and the logs of a run."""
    for path in [*folder.glob("checkpoint-*"), folder / "metrics.jsonl", *folder.glob("events.out.tfevents.*")]:
        path.unlink(missing_ok=True)


def restore(
    path: Path,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    ema: dict[str, Tensor],
    *,
    recipe: dict[str, Any] = EMPTY,
) -> Checkpoint:
    """Restore weights, averages and the optimiser's state.

    Raises `DamagedFile` if the file cannot be read, `InvalidRequest` if it belongs to another recipe, and
    `WeightsDoNotFit` if it belongs to another module.
    """
    at = _read_header(path)
    _check_same_recipe(path, at.recipe, recipe)
    state: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    averages: dict[str, Tensor] = {}
    with _readable(path), safe_open(path, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 -- safe_open is not a mapping
            part, name = key.split(".", 1)
            if part == "module":
                weights[name] = file.get_tensor(key)
            elif part == "ema":
                averages[name] = file.get_tensor(key)
            else:
                index, field_name = name.split(".", 1)
                state.setdefault(int(index), {})[field_name] = file.get_tensor(key)
    _copy_tensors(weights, trainable_tensors(module), path.name)
    _copy_tensors(averages, ema, path.name)
    _restore_optimizer(state, optimizer)
    return at


def _restore_optimizer(state: dict[int, dict[str, Tensor]], optimizer: torch.optim.Optimizer) -> None:
    """Restore the state of each parameter by its index; a sharded parameter gets only this process's part."""
    everything = optimizer.state_dict()
    pairs = zip(everything["param_groups"], optimizer.param_groups, strict=True)
    owner = {index: own for saved, group in pairs for index, own in zip(saved["params"], group["params"], strict=True)}
    everything["state"] = {
        index: {
            name: take_part(value, owner[index]) if value.shape == owner[index].shape else value
            for name, value in tensors.items()
        }
        for index, tensors in state.items()
    }
    optimizer.load_state_dict(everything)


def _read_header(path: Path) -> Checkpoint:
    """Read the metadata of a checkpoint without its tensors. Raises `DamagedFile`."""
    with _readable(path), safe_open(path, framework="pt") as file:
        return Checkpoint(**json.loads(file.metadata()["run"]))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise DamagedFile(f"the checkpoint {path.name} cannot be read ({error}): delete it and train again.") from error


def _check_same_recipe(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Check the recipe of a checkpoint; fields that older checkpoints lack are ignored. Raises `InvalidRequest`.

    More steps are the same recipe, continued.
    """
    wanted = json.loads(json.dumps(wanted))
    if differing := [
        f"{name} {found[name]!r} → {value!r}"
        for name, value in wanted.items()
        if name in found and found[name] != value and not (name == "steps" and value > found[name])
    ]:
        raise InvalidRequest(
            f"cannot resume: {path.name} in {path.parent.name} used another recipe ({'; '.join(differing)}). Use that "
            "recipe, or start a new run without `--resume`."
        )


def trainable_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Return the trainable parameters and persistent buffers by name, without those of frozen submodules."""
    tensors: dict[str, Tensor] = {name: value for name, value in module.named_parameters() if value.requires_grad}
    for name, buffer in module.named_buffers():
        owner_name, _, own_name = name.rpartition(".")
        owner = module.get_submodule(owner_name)
        parameters = list(owner.parameters())
        frozen = bool(parameters) and not any(parameter.requires_grad for parameter in parameters)
        # torch has no public list of non-persistent buffers, and `state_dict` also contains frozen submodules.
        if own_name not in owner._non_persistent_buffers_set and not frozen:  # noqa: SLF001
            tensors[name] = buffer
    return tensors


@torch.no_grad()
def _copy_tensors(found: dict[str, Tensor], wanted: dict[str, Tensor], what: str) -> None:
    """Copy tensors by name. Additional names are ignored, since old checkpoints contain frozen parameters too.

    Raises `WeightsDoNotFit`.
    """
    problems = [f"`{name}` is missing" for name in wanted if name not in found]
    problems += [
        f"`{name}` is {tuple(found[name].shape)}, not {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in found and found[name].shape != value.shape
    ]
    if problems:
        raise WeightsDoNotFit(what, problems, "Start a new run, or resume this one with its original recipe.")
    for name, value in wanted.items():
        value.copy_(take_part(found[name], value))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
