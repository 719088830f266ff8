"""Open accelerate in one process or many, divide work over the processes, and average their gradients."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor, nn

from hub.errors import InvalidRequest
from trainers.loop.precision import precision_on
from trainers.loop.sharding import is_sharded

Value = TypeVar("Value")

CACHING_TIMEOUT = timedelta(days=2)
"""Time that a process waits for the others. One of them might compute the caches of millions of texts; torch's default is ten minutes."""
UNSUPPORTED = ("DEEPSPEED", "MEGATRON_LM", "TP")
"""Values of accelerate's `DistributedType` that the loop does not support."""


def open_accelerator(precision: str, device: str | None) -> Accelerator:
    """Return an accelerator for a precision and device; bf16 is only used if the device supports it.

    Raises `InvalidRequest` if `--device`, `accelerate launch` or its configuration requests something unavailable.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InvalidRequest("there is no CUDA device: omit `--device`, or use `--device cpu`.")
    # Accelerate fixes precision and device once per process, but each recipe has its own. This is the only way to reset
    # them, and accelerate's own tests use it; the process group of a distributed run is kept.
    AcceleratorState._reset_state(reset_partial_state=not dist.is_initialized())  # noqa: SLF001
    try:
        place = "cpu" if device == "cpu" or not torch.cuda.is_available() else "cuda"
        precision = precision_on(torch.device(place), precision)
        wait = InitProcessGroupKwargs(timeout=CACHING_TIMEOUT)
        accelerator = Accelerator(mixed_precision=precision, cpu=place == "cpu", kwargs_handlers=[wait])
        torch.empty(0, device=accelerator.device)
    except (AssertionError, ImportError, NotImplementedError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split(". ")[0].split()).rstrip(".")
        raise InvalidRequest(
            f"the configuration of accelerate does not fit this machine ({reason}): check it with `accelerate env`, change "
            "it with `accelerate config`, or train without `accelerate launch`."
        ) from error
    kind = accelerator.distributed_type.value
    if kind in UNSUPPORTED:
        raise InvalidRequest(
            f"the configuration of accelerate asks for {kind}, which linguahub does not support: use plain data "
            "parallelism (`accelerate launch --multi_gpu`, or `torchrun` on CPUs), which works with all methods."
        )
    return accelerator


def join_processes(device: str) -> str:
    """Connect the processes that `accelerate launch` or `torchrun` started, and return the device of this one.

    Does nothing, and returns `device`, in a single process. Raises `InvalidRequest` as `open_accelerator`.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return device
    if ":" in device:
        raise InvalidRequest(f"`--device {device}` is one device, and each process takes its own: omit --device.")
    return str(device_of(open_accelerator("no", device or None)))


def device_of(accelerator: Accelerator) -> torch.device:
    """Return the device of this process, `cpu` for accelerate's `cpu:0`, which safetensors does not accept."""
    device: torch.device = accelerator.device
    return torch.device("cpu") if device.type == "cpu" else device


def process_place() -> tuple[int, int]:
    """Return the rank of this process and the number of processes: (0, 1) for a single one."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def wait_for_all() -> None:
    """Wait for the other processes; does nothing in a single process."""
    if process_place()[1] > 1:
        dist.barrier()


def gather(value: Value) -> list[Value]:
    """Return the values of all processes, in the order of their ranks. Every process must call it."""
    values = [value] * process_place()[1]
    if len(values) > 1:
        dist.all_gather_object(values, value)
    return values


def compute_on_all_ranks(compute: Callable[[int, int], Tensor], count: int, size: int) -> Tensor:
    """Return `compute(first, last)` of 0 to `count`, in batches of at most `size` rows that the processes divide among them.

    All processes return all rows, on the CPU. Batches are smaller than `size` if that occupies more processes. All compute equally
    often, as sharded modules require: a process without a batch repeats the last one.
    """
    rank, processes = process_place()
    size = max(1, min(size, -(-count // processes)))
    starts, parts = range(0, count, size), list[Tensor]()
    for first in range(0, len(starts), processes):
        start = starts[min(first + rank, len(starts) - 1)]
        parts += gather(compute(start, min(start + size, count)).cpu())[: len(starts) - first]
    return torch.cat(parts)


def close_process_group() -> None:
    """Wait for the other processes and close the process group; does nothing in a single process."""
    if dist.is_available() and dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def share_gradients(accelerator: Accelerator, module: nn.Module) -> None:
    """Average the gradients over all processes in one message, as a DDP wrapper would do.

    There is no wrapper, since methods call more of a module than `forward`. Sharded gradients are already averaged.
    """
    if accelerator.num_processes == 1 or is_sharded(module):
        return
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    mean = accelerator.reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="mean")
    for gradient, part in zip(gradients, mean.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
