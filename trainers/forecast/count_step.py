"""Count the operations and the memory of a piece of training whose weights have shapes alone."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

from trainers.forecast.shaped import Shaped, key_of

NORMS = (nn.GroupNorm, nn.LayerNorm)
"""Layers that autocast computes in fp32 on GPUs."""


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))


def _attention_backward(gradient: Tensor, query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    return int(sdpa_backward_flop_count(gradient.shape, query.shape, key.shape, value.shape))


FLOPS: dict[Any, Callable[..., int]] = {
    **flop_registry,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,  # noqa: SLF001 - operations have no public names
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,  # noqa: SLF001
}
"""Operation → its number of additions and multiplications."""
_known_flops: dict[Any, int] = {}
"""Operation and layouts of its operands → that number, which torch's functions take longer to compute than to look up."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The work and the memory of a piece of training."""

    peak_bytes: int
    """Peak bytes of tensors created during the step: activations, their gradients and temporary memory of operations."""
    flops: int
    """Operations in products of matrices, convolutions and attention; a multiplication and an addition are two."""


def count(work: Callable[[], Any], known: Iterable[nn.Module], *, precision: torch.dtype | None) -> Counted:
    """Run `work` and count what it takes beside the weights of `known`. `precision`: autocast's type, as on a GPU; None for fp32."""
    counter = Counter(known)
    with counter, autocast_of_gpu(precision):
        work()
    return Counted(counter.peak, counter.flops)


def count_step(loss: Callable[[], Tensor], known: Iterable[nn.Module], *, precision: torch.dtype | None) -> Counted:
    """Count forward and backward pass. Gradients are there already, as after the first part of a batch, and do not count."""
    known = list(known)
    for each in known:
        for parameter in each.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.zeros_like(parameter)
    return count(lambda: loss().backward(), known, precision=precision)


class Counter(TorchDispatchMode):
    """Counts operations, the bytes of the storages that they create, and their peak. A view has no storage of its own.

    torch's own `FlopCounterMode` follows modules through the backward pass, which keeps recomputed activations in memory.
    """

    def __init__(self, known: Iterable[nn.Module] = ()) -> None:
        """Leave out the weights and gradients of `known`."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = self.flops = 0
        self._sizes: dict[int, int] = {}
        for module in known:
            for each in (*module.parameters(), *module.buffers()):
                for tensor in (each, each.grad):
                    if tensor is not None:
                        self._sizes[_storage(tensor)._cdata] = 0  # noqa: SLF001 - the identity of a storage

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        if (flops_of := FLOPS.get(func._overloadpacket)) is not None:  # noqa: SLF001
            key = (func, key_of(args), key_of([*kwargs.items()]) if kwargs else ())
            if (flops := _known_flops.get(key)) is None:
                flops = _known_flops[key] = flops_of(*args, **(kwargs or {}), out_val=answer)
            self.flops += flops
        for each in answer if isinstance(answer, tuple | list) else (answer,):
            if isinstance(each, Tensor):
                self._add(_storage(each))
        return answer

    def _add(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata  # noqa: SLF001
        if key in self._sizes:
            return
        self._sizes[key] = storage.nbytes()
        self.now += self._sizes[key]
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._free, key)

    def _free(self, key: int) -> None:
        self.now -= self._sizes.pop(key)


def _storage(tensor: Tensor) -> torch.UntypedStorage:
    return (tensor.on_meta if isinstance(tensor, Shaped) else tensor).untyped_storage()


@contextmanager
def autocast_of_gpu(precision: torch.dtype | None) -> Iterator[None]:
    """Imitate a GPU's autocast for tensors on the CPU, whose own leaves norms in 16 bits."""
    if precision is None:
        yield
        return
    listen: Any = _in_fp32  # torch's hint forbids the return value that its documentation describes
    hook = register_module_forward_pre_hook(listen)
    try:
        with torch.autocast("cpu", precision):
            yield
    finally:
        hook.remove()


def _in_fp32(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    if not isinstance(module, NORMS) or not torch.is_autocast_enabled("cpu"):
        return None
    return tuple(each.float() if isinstance(each, Tensor) else each for each in inputs)
