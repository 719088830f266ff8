"""Read the header of a safetensors file, list its tensors and check that it accounts for every byte.

Source: the safetensors README, "Format": 8 bytes of length, JSON, then the tensors without gap or overlap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

from hub.strict_json import parse_json

SUFFIX = ".safetensors"
MAX_HEADER_BYTES = 25 << 20
"""25 MiB, a quarter of what safetensors' own readers accept: a hostile header of 20 MB once kept a server busy for minutes.
The largest published models are split into shards, whose headers have less than 1 MiB."""
_MAX_AXES = 64
_MAX_NUMBER = 1 << 62
"""Limit of an offset and a length: the product of thousands of numbers with thousands of digits takes minutes."""
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64, "C64": 64,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits of one number, by safetensors' name of its type. Later versions have more; their sizes are taken from the header."""
_DTYPE = re.compile(r"[A-Z][A-Z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in a file, as the header describes it."""

    name: str
    dtype: str
    """The name in safetensors: `F16`."""
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """Return the number of elements."""
        return prod(self.shape)


def read_header(opened: BinaryIO) -> dict[str, Any]:
    """Return the header as stored and leave `opened` at the first tensor. Raises ValueError for anything else."""
    start = opened.read(8)
    length = int.from_bytes(start, "little")
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"its header would have {length} bytes, and the limit is {MAX_HEADER_BYTES}")
    if len(start) < 8 or len(text := opened.read(length)) < length:
        raise ValueError("it ends within its header")
    try:
        header = parse_json(text, object_pairs_hook=_refuse_duplicates)
    except ValueError as error:
        raise ValueError(f"its header is not valid JSON: {str(error)[:80]}") from error
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")  # noqa: TRY004 - callers handle one error for a bad file
    return header


def tensors_in(opened: BinaryIO) -> tuple[StoredTensor, ...]:
    """Return names, types and shapes of all tensors of a file, sorted by name; empty for other files."""
    try:
        listed = [
            StoredTensor(name, str(entry["dtype"]), tuple(int(length) for length in entry["shape"]))
            for name, entry in read_header(opened).items()
            if name != "__metadata__"
        ]
    except (ValueError, LookupError, TypeError):
        return ()
    return tuple(sorted(listed, key=lambda each: each.name))


def weights_problem(opened: BinaryIO, size_bytes: int) -> str | None:
    """Return why a file of `size_bytes` is not a complete safetensors file, or None if it is one."""
    try:
        header = read_header(opened)
    except ValueError as error:
        return str(error)
    stored_bytes = size_bytes - opened.tell()
    metadata = header.pop("__metadata__", None)
    if metadata is None:  # Some writers store `null`, which safetensors' own reader takes for none.
        metadata = {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        return "its metadata must map text to text"
    ranges = []
    for name, tensor in header.items():
        try:
            ranges.append(_byte_range(tensor))
        except (ValueError, TypeError, LookupError) as error:
            return f"the entry of tensor {name[:80]!r} is invalid: {error}"
    reached = 0
    for begin, end in sorted(ranges):
        if begin != reached:
            return f"bytes {min(begin, reached)} to {max(begin, reached)} belong to no tensor or to two"
        reached = end
    return None if reached == stored_bytes else f"its tensors need {reached} bytes and it holds {stored_bytes}"


def count_parameters(opened: BinaryIO) -> dict[str, int]:
    """Return the number of parameters by type, from the header. Raises ValueError for other files."""
    header = read_header(opened)
    counted: dict[str, int] = {}
    for name, tensor in header.items():
        if name != "__metadata__":
            counted[tensor["dtype"]] = counted.get(tensor["dtype"], 0) + prod(tensor["shape"])
    return counted


def bytes_of(counted: Mapping[str, int]) -> int:
    """Return the size in bytes of parameters counted by type; types of later versions of safetensors are left out."""
    return sum(count * _BITS.get(dtype, 0) for dtype, count in counted.items()) // 8


def _byte_range(tensor: Any) -> tuple[int, int]:
    """Return the first byte of a tensor and the one after its last. Raises ValueError unless type, shape and offsets agree."""
    begin, end = tensor["data_offsets"]
    shape = tensor["shape"]
    numbers = (begin, end, *shape)
    if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers):
        raise ValueError("offsets and lengths must be whole numbers")
    if len(shape) > _MAX_AXES or max(numbers) > _MAX_NUMBER:
        raise ValueError("too many axes or too large numbers")
    dtype = tensor["dtype"]
    if not isinstance(dtype, str) or _DTYPE.fullmatch(dtype) is None:
        raise ValueError(f"{str(dtype)[:40]!r} is not the name of a type")
    if dtype not in _BITS:
        if end < begin or (end > begin) != (prod(shape) > 0):
            raise ValueError(f"{dtype} {shape} in {end - begin} bytes")
        return begin, end
    bits = prod(shape) * _BITS[dtype]
    if bits % 8 or end - begin != bits // 8:
        raise ValueError(f"{dtype} {shape} in {end - begin} bytes")
    return begin, end


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)
