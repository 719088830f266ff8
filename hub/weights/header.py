"""The header of a safetensors file, read in one place, and whether it accounts for every byte.

Source: safetensors' own rules (README "Format"): 8 bytes of length, JSON, then the tensors without gap or overlap.
"""

from __future__ import annotations

import json
from math import prod
from typing import Any, BinaryIO

_LONGEST = 100_000_000
"""Bytes of a header, at most: the limit of safetensors' own readers."""
_MOST_AXES = 64
_LARGEST = 1 << 62
"""Of a place and a length: the product of thousands of numbers with thousands of digits takes minutes."""
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits of one number, by safetensors' name of its type."""


def read_header(opened: BinaryIO) -> dict[str, Any]:
    """The header as it stands there; what follows are the tensors. Raises ValueError for a file that has none."""
    start = opened.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > _LONGEST:
        raise ValueError(f"its header would have {length} bytes")
    text = opened.read(length)
    if len(text) < length:
        raise ValueError(f"its header would have {length} bytes")
    try:
        header = json.loads(text.decode(), object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is no JSON: {str(error)[:80]}") from error
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")  # noqa: TRY004 - every fault of a file is one to callers
    return header


def weights_problem(opened: BinaryIO, size_bytes: int) -> str | None:
    """Why a file of `size_bytes` is no whole safetensors file; None when it is one."""
    try:
        header = read_header(opened)
    except ValueError as error:
        return str(error)
    held = size_bytes - opened.tell()
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        return "its metadata are not words"
    places = []
    for name, tensor in header.items():
        try:
            places.append(_place(tensor))
        except (ValueError, TypeError, LookupError) as error:
            return f"tensor {name[:80]!r} is described wrongly: {error}"
    reached = 0
    for begin, end in sorted(places):
        if begin != reached:
            return f"bytes {min(begin, reached)} to {max(begin, reached)} belong to no tensor, or to two"
        reached = end
    return None if reached == held else f"its tensors have {reached} bytes, and it holds {held}"


def count_parameters(opened: BinaryIO) -> dict[str, int]:
    """How many numbers of each type a safetensors file holds, from its header. Raises ValueError for another file."""
    header = read_header(opened)
    counted: dict[str, int] = {}
    for name, tensor in header.items():
        if name != "__metadata__":
            counted[tensor["dtype"]] = counted.get(tensor["dtype"], 0) + prod(tensor["shape"])
    return counted


def _place(tensor: Any) -> tuple[int, int]:
    """Where a tensor begins and ends. Raises ValueError unless type, shape and place agree."""
    begin, end = tensor["data_offsets"]
    shape = tensor["shape"]
    numbers = (begin, end, *shape)
    if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers):
        raise ValueError("a place or a length is no whole number")
    if len(shape) > _MOST_AXES or max(numbers) > _LARGEST:
        raise ValueError("more axes or larger numbers than a tensor has")
    bits = prod(shape) * _BITS[tensor["dtype"]]
    if bits % 8 or end - begin != bits // 8:
        raise ValueError(f"{tensor['dtype']} {shape} in {end - begin} bytes")
    return begin, end


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands there twice")
    return dict(pairs)
