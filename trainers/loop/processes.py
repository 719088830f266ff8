"""One process or many: what accelerate knows of them, and what they tell each other."""

from __future__ import annotations

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from hub.errors import InvalidRequest
from trainers.loop.precision import precision_on
from trainers.loop.sharding import is_sharded


def open_accelerator(precision: str, device: str | None) -> Accelerator:
    """Accelerate fixes precision and device once per process; each recipe has its own. bf16 is taken where the device has it.

    Raises InvalidRequest when what `--device`, `accelerate launch` or its configuration asks for is not to be had here.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InvalidRequest("there is no CUDA device here: leave `--device` out, or use `--device cpu`.")
    # Its only way, and the one its own tests take; the process group of a distributed run stays.
    AcceleratorState._reset_state(reset_partial_state=not dist.is_initialized())  # noqa: SLF001
    try:
        place = "cpu" if device == "cpu" or not torch.cuda.is_available() else "cuda"
        precision = precision_on(torch.device(place), precision)
        accelerator = Accelerator(mixed_precision=precision, cpu=place == "cpu")
        torch.empty(0, device=accelerator.device)
    except (AssertionError, ImportError, NotImplementedError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split(". ")[0].split()).rstrip(".")
        raise InvalidRequest(
            f"the configuration of accelerate does not fit this machine ({reason}): compare `accelerate env` with it, "
            "and write another with `accelerate config`, or train without `accelerate launch`."
        ) from error
    wanted, found = accelerator.distributed_type, ("DEEPSPEED", "MEGATRON_LM", "TP")
    if wanted.value in found:
        raise InvalidRequest(
            f"the configuration of accelerate asks for {wanted.value}, which linguahub's loop does not know: use plain "
            "data parallelism (`accelerate launch --multi_gpu`, or `torchrun` on CPUs), which fits all its methods."
        )
    return accelerator


def device_of(accelerator: Accelerator) -> torch.device:
    """Of this process. Among several on a CPU accelerate says `cpu:0`, which safetensors does not know."""
    device: torch.device = accelerator.device
    return torch.device("cpu") if device.type == "cpu" else device


def close_process_group() -> None:
    """Wait for the others and part from them; nothing in a single process."""
    if dist.is_available() and dist.is_initialized():
        dist.barrier()
        dist.destroy_process_group()


def share_gradients(accelerator: Accelerator, module: nn.Module) -> None:
    """Mean of the gradients over all processes, in one message; what a DDP wrapper would do.

    There is no wrapper, since methods call more of a module than `forward`. Sharded gradients are the mean already.
    """
    if accelerator.num_processes == 1 or is_sharded(module):
        return
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    mean = accelerator.reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="mean")
    for gradient, part in zip(gradients, mean.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))
