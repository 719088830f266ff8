"""Tensors with a shape and a type, which operations take for tensors on the CPU, and which have no memory.

Each wraps a tensor on the device `meta`. torch's own fake tensors can do more, such as other devices and symbolic shapes, and take several
times as long for each of the 50,000 operations in a forecast of SDXL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

READS_NUMBER = torch.ops.aten._local_scalar_dense.default  # noqa: SLF001 - the operation behind `item`
CPU, META = torch.device("cpu"), torch.device("meta")
Layout = tuple[torch.Size, tuple[int, ...], torch.dtype]
"""Shape, strides and type of a tensor."""
_results: dict[Any, tuple[type, list[Layout | None]] | None] = {}
"""Operation and layouts of its operands → kind of its result, and the layouts of the tensors in it; None if it has to run each time.

The layers of a model repeat few operations, most of which `meta` computes in Python, in a millisecond.
"""


class Shaped(Tensor):
    """A tensor that computes shapes. A number that is read from it is 1. Operations take real tensors beside it."""

    on_meta: Tensor
    """The tensor on `meta`, whose storage is shared by the views of this tensor."""
    layout_of: Layout

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # noqa: SLF001 - as torch documents for subclasses

    @classmethod
    def of(cls, inner: Tensor) -> Shaped:
        """Return the tensor with the shape and the type of `inner`, a tensor on `meta`."""
        shape, strides, dtype = layout = _layout(inner)
        made = Tensor._make_wrapper_subclass(  # noqa: SLF001 - torch has no other way to make one
            cls, shape, strides=strides, storage_offset=inner.storage_offset(), dtype=dtype, device=CPU
        )
        made.on_meta, made.layout_of = inner, layout
        return made

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        """Return shape and type: there are no values."""
        return f"Shaped({tuple(self.shape)}, {self.dtype})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        if func is READS_NUMBER:
            dtype = args[0].dtype
            return True if dtype is torch.bool else 1.0 if dtype.is_floating_point else 1
        if func is torch.ops.aten.index.Tensor:
            args = (args[0], [part for each in args[1] for part in _as_numbers(each)])
        key = (func, key_of(args), key_of([*kwargs.items()]) if kwargs else ())
        if (known := _results.get(key)) is not None:
            kind, layouts = known
            made = [None if each is None else cls.of(_empty(*each)) for each in layouts]
            return made[0] if kind is Tensor else kind(made)
        operands: dict[int, Shaped] = {}
        given = [_on_meta(each, operands) for each in args]
        answer = func(*given, **{name: _on_meta(each, operands) for name, each in (kwargs or {}).items()})
        kind, parts = (type(answer), answer) if isinstance(answer, tuple | list) else (Tensor, [answer])
        if key not in _results:
            _results[key] = (
                None
                if _has_other(parts, operands)
                else (kind, [each if each is None else _layout(each) for each in parts])
            )
        made = [_outer(each, operands) for each in parts]
        return made[0] if kind is Tensor else kind(made)


def _layout(tensor: Tensor) -> Layout:
    return tensor.size(), tensor.stride(), tensor.dtype


def _empty(shape: torch.Size, strides: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.empty_strided(shape, strides, dtype=dtype, device=META)


def key_of(value: Any) -> Any:
    """Return what the layout of a result depends on."""
    if isinstance(value, Shaped):
        return value.layout_of
    if isinstance(value, Tensor):
        return _layout(value)
    if isinstance(value, tuple | list):
        return tuple([key_of(each) for each in value])
    return value.__class__, value  # with the class: 1, 1.0 and True are equal


def _has_other(parts: Sequence[Any], operands: dict[int, Shaped]) -> bool:
    """Return whether a result contains more than new tensors: numbers, operands, or views of operands."""
    storages = {each.on_meta.untyped_storage()._cdata for each in operands.values()}  # noqa: SLF001 - the identity of a storage
    return any(
        each is not None and (not isinstance(each, Tensor) or each.untyped_storage()._cdata in storages)  # noqa: SLF001
        for each in parts
    )


def _on_meta(value: Any, operands: dict[int, Shaped]) -> Any:
    """Return what an operation on `meta` takes for `value`. Note the operands under the numbers of their inner tensors."""
    if isinstance(value, Shaped):
        operands[id(value.on_meta)] = value
        return value.on_meta
    if isinstance(value, Tensor):
        return value.to(META) if value.dim() else value
    if isinstance(value, list | tuple):
        return [_on_meta(each, operands) for each in value]
    return META if isinstance(value, torch.device) else value


def _outer(value: Any, operands: dict[int, Shaped]) -> Any:
    if not isinstance(value, Tensor):
        return value
    return operands[id(value)] if id(value) in operands else Shaped.of(value)


def _as_numbers(index: Tensor | None) -> tuple[Tensor | None, ...]:
    """Return the places where a real mask is true: how many there are depends on its values, which shapes lack."""
    if index is None or index.dtype is not torch.bool or isinstance(index, Shaped):
        return (index,)
    return index.nonzero(as_tuple=True)
