"""Measure the memory of a module's weights."""

from __future__ import annotations

from torch import Tensor, nn


def bytes_of(module: nn.Module) -> int:
    """Return the size of all parameters and buffers."""
    return sum(_bytes_of(each) for each in (*module.parameters(), *module.buffers()))


def _bytes_of(tensor: Tensor) -> int:
    """Return the size of a tensor. One that torchao quantised holds several tensors, and its `nbytes` is the unquantised size."""
    if not hasattr(tensor, "__tensor_flatten__"):
        return tensor.nbytes
    names, _ = tensor.__tensor_flatten__()
    return sum(_bytes_of(getattr(tensor, name)) for name in names)
