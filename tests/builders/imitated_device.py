"""Imitate accelerators on a CPU: tensors that say they are on `privateuseone:0` or `:1`, and refuse to meet tensors elsewhere.

Each of them is a real tensor whose storage is host memory under another device's name, made through DLPack. Operations reach one
Python function, the fallback of torch's key for devices of other makers. It raises torch's error for operands on several devices, and
computes on the same memory as a CPU tensor. So views, tied weights, `module.to`, offloading and hooks work as on a GPU, and a tensor that
was left on the wrong device fails as there. Nothing is faster, and streams, page-locked memory and kernels are not imitated.

It is installed once in a process and has no effect on other devices.
"""

from __future__ import annotations

import ctypes
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

TYPE = "privateuseone"
COUNT = 2
_KEY = "PrivateUse1"
_DLPACK = {"cpu": 1, TYPE: 12}
"""DLPack's numbers of device types; 12 is for extensions."""
_MAY_MIX = ("aten::_to_copy", "aten::copy_", "aten::_copy_from", "aten::set_", "aten::_copy_from_and_resize")
_MAY_INDEX = ("aten::index", "aten::index_put", "aten::_index_put_impl")
"""Operations whose indices may be on the CPU, on a GPU as well."""
_OWN = {
    "convolution_overrideable": torch.ops.aten.convolution.default,
    "native_group_norm": torch.ops.aten.native_group_norm.default,
    "native_layer_norm": torch.ops.aten.native_layer_norm.default,
}
"""Operations for which torch has kernels of CPUs and GPUs, and for other devices another way or none → the CPU's."""
WAITS: list[tuple[str, int]] = []
"""Operation and bytes of every copy to or from an imitated device that is not `non_blocking`, and of every number that is read from it."""
_ALIVE: list[torch.library.Library] = []


class _Start(ctypes.Structure):
    """The first members of DLPack's `DLTensor`."""

    _fields_ = (("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_index", ctypes.c_int32))


class _Backend:
    """The functions that torch calls in the module of a device."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return True

    def current_device(self) -> int:
        return 0

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed: int) -> None: ...

    def device_count(self) -> int:
        return COUNT


def device(index: int = 0) -> torch.device:
    """Return an imitated device, installing the imitation in this process."""
    _install()
    return torch.device(TYPE, index)


def relabelled(tensor: Tensor, place: torch.device) -> Tensor:
    """Return the same memory as a tensor on `place`."""
    capsule = torch._C._to_dlpack(tensor)
    start = _Start.from_address(_pointer(capsule, b"dltensor"))
    start.device_type, start.device_index = _DLPACK[place.type], place.index or 0
    made: Tensor = torch._C._from_dlpack(capsule)
    return made


_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
CPU = torch.device("cpu")


def _compute(op: Any, *arguments: Any, **named: Any) -> Any:
    """Run `op` on the CPU if its tensors are on one device."""
    call = _Call()
    given, options = call.to_cpu(arguments), {name: call.to_cpu(each) for name, each in named.items()}
    tensors = [old for old, _ in call.operands]
    place = torch.device(TYPE, call.asked[0].index or 0) if call.asked else _common(op, tensors)
    answer = op(*given, **options)
    name = op._schema.name
    if name == "aten::_local_scalar_dense" or (
        name == "aten::_to_copy" and named.get("device") == CPU and not named.get("non_blocking")
    ):
        WAITS.append((name, arguments[0].nbytes))
    for old, new in call.operands:
        if old.device.type == TYPE and _has_moved(old, new):
            old.data = relabelled(new, old.device)  # an operation in place changed its shape
    return call.back(answer, place)


class _Call:
    """The operands of one operation."""

    def __init__(self) -> None:
        self.operands: list[tuple[Tensor, Tensor]] = []
        """Each tensor, and the same on the CPU."""
        self.asked: list[torch.device] = []

    def to_cpu(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            self.operands.append((value, _on_cpu(value)))
            return self.operands[-1][1]
        if isinstance(value, list | tuple):
            return [self.to_cpu(each) for each in value]
        if isinstance(value, torch.device) and value.type == TYPE:
            self.asked.append(value)
            return CPU
        return value

    def back(self, value: Any, place: torch.device) -> Any:
        if isinstance(value, Tensor):
            own = [old for old, new in self.operands if new is value]
            return own[0] if own else relabelled(value, place)
        return type(value)(self.back(each, place) for each in value) if isinstance(value, list | tuple) else value


def _on_cpu(value: Tensor) -> Tensor:
    if value.device.type != TYPE:
        return value
    # Results are written to empty tensors, whose storage must then grow; DLPack's cannot.
    return relabelled(value, CPU) if value.numel() else torch.empty(value.shape, dtype=value.dtype)


def _has_moved(old: Tensor, new: Tensor) -> bool:
    return new.shape != old.shape or new.stride() != old.stride() or new.data_ptr() != old.data_ptr()


def _common(op: Any, tensors: list[Tensor]) -> torch.device:
    """Return the device of an operation. Raises RuntimeError as torch does for tensors on several devices."""
    found = dict.fromkeys(each.device for each in tensors if each.device.type == TYPE or each.dim())
    name = op._schema.name
    if len(found) > 1 and name not in _MAY_MIX and not (name in _MAY_INDEX and tensors[0].device.type == TYPE):
        devices = " and ".join(map(str, found))
        raise RuntimeError(f"Expected all tensors to be on the same device, but found {devices} in {name}")
    return next(each for each in found if each.type == TYPE)


def _copy(target: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    if target.device != source.device and not non_blocking:
        WAITS.append(("aten::copy_", source.nbytes))
    _on_cpu(target).copy_(_on_cpu(source))
    return target


@cache
def _install() -> None:
    """Register the imitation with torch. It stays for the life of the process."""
    _setup_privateuseone_for_python_backend(backend_module=_Backend())
    every = torch.library.Library("_", "IMPL")
    every.fallback(_compute, _KEY)
    aten = torch.library.Library("aten", "IMPL")
    aten.impl("copy_", _copy, _KEY)
    for name, op in _OWN.items():
        aten.impl(name, partial(_compute, op), _KEY)
    _ALIVE.extend((every, aten))
    _let_data_move()
    _let_tensors_be_copied()


def _let_data_move() -> None:
    """Let `parameter.data = …` change the device, which torch only allows between the devices that it knows."""
    own = torch._C.TensorBase.data

    def put(tensor: Tensor, value: Tensor) -> None:
        if TYPE not in {tensor.device.type, value.device.type} or tensor.device.type == value.device.type:
            own.__set__(tensor, value)
            return
        wanted = tensor.requires_grad
        other = (
            nn.Parameter(value, wanted) if isinstance(tensor, nn.Parameter) else value.detach().requires_grad_(wanted)
        )
        torch.utils.swap_tensors(tensor, other)

    torch.Tensor.data = property(own.__get__, put)


def _let_tensors_be_copied() -> None:
    """Copy tensors by `clone`: torch copies storages, for which a device needs an allocator."""
    own = torch.Tensor.__deepcopy__

    def copied(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
        if tensor.device.type != TYPE:
            return own(tensor, memo)
        if id(tensor) not in memo:
            memo[id(tensor)] = tensor.detach().clone().requires_grad_(tensor.requires_grad)
        return memo[id(tensor)]

    torch.Tensor.__deepcopy__ = copied
