"""Fully sharded data parallelism: each process keeps its part of the weights, their averages and the optimiser's moments.

torch's FSDP2 (`fully_shard`; Zhao et al., VLDB 2023, arXiv 2304.11277): a unit's weights are gathered for as long as it
computes. Gradients come back averaged over the processes, as `share_gradients` leaves them, so the same batch has the
same losses. It works on CPUs through gloo, too.
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
    """A module whose weights may be spread over processes."""

    def units(self) -> Iterable[nn.Module]:
        """Submodules that are called as modules are, never by another method, and hold all its weights between them."""
        ...


def is_requested(accelerator: Accelerator) -> bool:
    """Whether `accelerate launch` or its configuration asks for FSDP, and there are others to share with.

    On CPUs accelerate itself does not look at the wish, so the variable is read that it hands to its processes.
    """
    return bool(accelerator.num_processes > 1 and parse_flag_from_env("ACCELERATE_USE_FSDP"))


def check_shardable(module: nn.Module, recipe: Recipe, what: str) -> None:
    """InvalidRequest for what cannot be sharded; `what` names it."""
    reason = ""
    if not isinstance(module, Shardable):
        reason = f"`{what}` trains no text encoder or denoiser of its own that would be worth it"
    elif recipe.optimizer != "adamw":
        reason = f"`{recipe.optimizer}` turns whole matrices, and each process would have rows of them: take adamw"
    elif recipe.precision == "fp16":
        reason = "fp16 scales losses, which is not built for it: take `--set precision=bf16`"
    if reason:
        raise InvalidRequest(
            f"the configuration of accelerate asks for FSDP, but {reason}, or plain data parallelism "
            "(`accelerate launch --multi_gpu`), which fits all methods."
        )


def shard_module(module: nn.Module, accelerator: Accelerator) -> None:
    """Spread the weights of a `Shardable` over all processes, in place; afterwards its parameters are DTensors.

    Outermost layers of each unit are gathered one by one, the rest of the unit as one. Everything is let go of after the
    forward pass, too: else drawing samples, which has no backward pass, would leave the outermost weights whole.
    """
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    for unit in cast(Shardable, module).units():
        for layer in [*_layers(unit), unit]:
            fully_shard(layer, mesh=mesh, reshard_after_forward=True)
    left = [name for name, value in module.named_parameters() if not isinstance(value, DTensor)]
    assert not left, f"no unit holds {left}"


def is_sharded(module: nn.Module) -> bool:
    """Whether its weights are spread over processes."""
    return any(isinstance(parameter, DTensor) for parameter in module.parameters())


def gather_whole(tensor: Tensor) -> Tensor:
    """The tensor with all its parts, on the CPU if it had to be gathered. All processes must ask, in the same order."""
    return tensor.full_tensor().cpu() if isinstance(tensor, DTensor) else tensor


def take_part(value: Tensor, place: Tensor) -> Tensor:
    """The part of `value`, which every process has, that belongs where `place` has its own."""
    if not isinstance(place, DTensor):
        return value
    on_device = value.to(device=place.device, dtype=place.dtype)
    return distribute_tensor(on_device, place.device_mesh, place.placements, src_data_rank=None)


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """Members of the outermost lists of layers: blocks of a denoiser, layers of an encoder."""
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            yield from child
        else:
            yield from _layers(child)
