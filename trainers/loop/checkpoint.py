"""Everything a run needs to go on as if it had never stopped, as safetensors, written whole or not at all."""

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
    """Where a run stood after `step` updates."""

    step: int
    seconds: float
    """Spent in training so far."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """All numbers of the recipe: with others the run would not be the same one."""
    validation: float | None = None
    """What the method said of the averaged weights; less is better."""


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
    """Write `checkpoint-<step>.safetensors`; the last `keep` of them and the best one stay, older ones are removed.

    All processes must call it, since each may hold a part; the `main` one has the whole, and writes it.

    Raises Unreachable when the disk cannot take it; then the older ones are still there, and nothing of the new one.
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
    # What an earlier, killed process left half-written goes together with what is now out of date.
    everything = sorted(folder.glob("checkpoint-*.safetensors"))
    staying = {*everything[-max(1, keep) :], find_best(folder)}
    for older in [*(each for each in everything if each not in staying), *folder.glob("checkpoint-*.part")]:
        older.unlink(missing_ok=True)
    return path


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str], *, what: str) -> None:
    """A safetensors file that is there as a whole or not at all; Unreachable when the disk cannot take it."""
    unfinished = path.with_suffix(".part")
    contiguous = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
    try:
        with catch_write_errors(what, "make room, then go on with `--resume`; what was kept before is still there."):
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(contiguous, unfinished, metadata=metadata)
            _sync(unfinished)
            unfinished.replace(path)  # A reader sees the whole file or none of it.
            _sync(path.parent)
    except Unreachable:
        unfinished.unlink(missing_ok=True)
        raise


def gather_parts(parts: dict[str, Tensor], *, main: bool) -> dict[str, Tensor]:
    """Whole tensors in the `main` process, where others have parts of them; nothing elsewhere. All processes must ask."""
    tensors: dict[str, Tensor] = {}
    for name, part in parts.items():
        tensor = gather_whole(part)
        if main:
            tensors[name] = tensor
    return tensors


def find_newest(folder: Path) -> Path | None:
    """The newest checkpoint of a run, or None."""
    return max(folder.glob("checkpoint-*.safetensors"), default=None)


def find_best(folder: Path) -> Path | None:
    """The checkpoint of the least validation value, the newer of two; None where no method gave one."""
    values = {path: _header(path).validation for path in sorted(folder.glob("checkpoint-*.safetensors"), reverse=True)}
    return min(
        (path for path, value in values.items() if value is not None),
        key=lambda path: values[path] or 0.0,
        default=None,
    )


def clear(folder: Path) -> None:
    """Forget a run: its checkpoints and its logs."""
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
    """Put weights, averages and optimiser moments back.

    Raises DamagedFile when the file cannot be read, InvalidRequest when it was made by another recipe, and WeightsDoNotFit
    when it belongs to another module.
    """
    at = _header(path)
    _refuse_another_recipe(path, at.recipe, recipe)
    state: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    averages: dict[str, Tensor] = {}
    with _readable(path), safe_open(path, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 -- safe_open is no mapping
            part, name = key.split(".", 1)
            if part == "module":
                weights[name] = file.get_tensor(key)
            elif part == "ema":
                averages[name] = file.get_tensor(key)
            else:
                index, field_name = name.split(".", 1)
                state.setdefault(int(index), {})[field_name] = file.get_tensor(key)
    _put(weights, trainable_tensors(module), path.name)
    _put(averages, ema, path.name)
    _put_moments(state, optimizer)
    return at


def _put_moments(state: dict[int, dict[str, Tensor]], optimizer: torch.optim.Optimizer) -> None:
    """Of each parameter by its place; a parameter of which a process has a part gets that part of its moments."""
    everything = optimizer.state_dict()
    pairs = zip(everything["param_groups"], optimizer.param_groups, strict=True)
    owner = {index: own for said, group in pairs for index, own in zip(said["params"], group["params"], strict=True)}
    everything["state"] = {
        index: {
            name: take_part(value, owner[index]) if value.shape == owner[index].shape else value
            for name, value in moments.items()
        }
        for index, moments in state.items()
    }
    optimizer.load_state_dict(everything)


def _header(path: Path) -> Checkpoint:
    """What a checkpoint says of itself, without its tensors."""
    with _readable(path), safe_open(path, framework="pt") as file:
        return Checkpoint(**json.loads(file.metadata()["run"]))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError, TypeError, KeyError, ValueError) as error:
        raise DamagedFile(f"the checkpoint {path.name} cannot be read ({error}): delete it and train again.") from error


def _refuse_another_recipe(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Checkpoints of earlier versions lack fields that were added since; those had the default value."""
    wanted = json.loads(json.dumps(wanted))
    if differing := [
        f"{name} {found[name]!r} → {value!r}"
        for name, value in wanted.items()
        if name in found and found[name] != value
    ]:
        raise InvalidRequest(
            f"{path.name} in {path.parent.name} was made by another recipe ({'; '.join(differing)}): train with that "
            "one, or leave `--resume` out to begin again."
        )


def trainable_tensors(module: nn.Module) -> dict[str, Tensor]:
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
        raise WeightsDoNotFit(what, problems, "Start the run anew, or resume it with the recipe it began with.")
    for name, value in wanted.items():
        value.copy_(take_part(found[name], value))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
