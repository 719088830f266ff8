"""Fully sharded data parallelism: each process keeps its part of the weights, their average and the optimiser's state.

It uses torch's FSDP2 (`fully_shard`; Zhao et al., VLDB 2023, arXiv 2304.11277): a unit's weights are gathered only while
it computes. Gradients are averaged over the processes, as by `share_gradients`, so the same batch has the same losses.
It also works on CPUs, with gloo.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, cast, runtime_checkable

from accelerate import Accelerator
from accelerate.utils import parse_flag_from_env
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from hub.errors import InvalidRequest
from trainers.loop.recipe import Recipe


@runtime_checkable
class Shardable(Protocol):
    """A module whose weights can be sharded over processes."""

    def units(self) -> Iterable[nn.Module]:
        """Return submodules that together contain all weights and are only called through `forward`."""
        ...


def is_requested(accelerator: Accelerator) -> bool:
    """Return whether `accelerate launch` or its configuration requests FSDP with more than one process.

    On CPUs accelerate ignores the setting, so this reads the environment variable that it sets for its processes.
    """
    return bool(accelerator.num_processes > 1 and parse_flag_from_env("ACCELERATE_USE_FSDP"))


def check_shardable(module: nn.Module, recipe: Recipe, what: str) -> None:
    """Check that a module and its recipe, called `what` in messages, can be sharded. Raises `InvalidRequest`."""
    reason = ""
    if not isinstance(module, Shardable):
        reason = f"`{what}` does not train a text encoder or denoiser that is large enough: use"
    elif recipe.optimizer != "adamw":
        reason = f"`{recipe.optimizer}` needs whole matrices: use adamw, or"
    elif recipe.precision == "fp16":
        reason = "loss scaling for fp16 is not supported: use `--set precision=bf16`, or"
    if reason:
        raise InvalidRequest(
            f"the configuration of accelerate asks for FSDP, but {reason} plain data parallelism "
            "(`accelerate launch --multi_gpu`), which works with all methods."
        )


def shard_module(module: nn.Module, accelerator: Accelerator) -> None:
    """Shard the weights of a `Shardable` over all processes, in place; afterwards its parameters are DTensors.

    The outermost layers of each unit are gathered one by one, the rest of the unit together. All weights are released
    after the forward pass too: otherwise generating samples, without a backward pass, would leave some gathered.
    """
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for unit in cast(Shardable, module).units():
        for layer in [*_layers(unit), unit]:
            fully_shard(layer, mesh=mesh, reshard_after_forward=True)
    left = [name for name, value in module.named_parameters() if not isinstance(value, DTensor)]
    assert not left, f"no unit holds {left}"


def is_sharded(module: nn.Module) -> bool:
    """Return whether the weights of a module are sharded over processes: all of them or none."""
    return isinstance(next(module.parameters(), None), DTensor)


def gather_whole(tensor: Tensor) -> Tensor:
    """Return the whole tensor, on the CPU if it was gathered. All processes must call it, in the same order."""
    return tensor.full_tensor().cpu() if isinstance(tensor, DTensor) else tensor


def take_part(value: Tensor, place: Tensor) -> Tensor:
    """Return the part of the whole tensor `value` that corresponds to this process's shard `place`."""
    if not isinstance(place, DTensor):
        return value
    on_device = value.to(device=place.device, dtype=place.dtype)
    return distribute_tensor(on_device, place.device_mesh, place.placements, src_data_rank=None)


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """Return the members of the outermost module lists: blocks of a denoiser, layers of an encoder."""
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            yield from child
        else:
            yield from _layers(child)
