"""Open accelerate in one process or many, and average gradients over the processes."""

from __future__ import annotations

from datetime import timedelta

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs
from torch import nn

from hub.errors import InvalidRequest
from trainers.loop.precision import precision_on
from trainers.loop.sharding import is_sharded

CACHING_TIMEOUT = timedelta(days=2)
"""How long a process waits for the others. One of them may compute the caches of millions of texts; torch waits ten minutes."""
UNSUPPORTED = ("DEEPSPEED", "MEGATRON_LM", "TP")
"""Values of accelerate's `DistributedType` that the loop does not support."""


def open_accelerator(precision: str, device: str | None) -> Accelerator:
    """Return an accelerator for a precision and device; bf16 is only used if the device supports it.

    Raises `InvalidRequest` if `--device`, `accelerate launch` or its configuration asks for something unavailable.
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


def device_of(accelerator: Accelerator) -> torch.device:
    """Return the device of this process, `cpu` for accelerate's `cpu:0`, which safetensors does not accept."""
    device: torch.device = accelerator.device
    return torch.device("cpu") if device.type == "cpu" else device


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
