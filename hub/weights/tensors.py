"""The tensors of a safetensors file, as its header lists them. No weight is read."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

from hub.weights.header import read_header

SUFFIX = ".safetensors"
INDEX = ".safetensors.index.json"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One array of weights."""

    name: str
    dtype: str
    """As safetensors calls it: `F16`."""
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many it has."""
        return prod(self.shape)


def tensors_in(opened: BinaryIO) -> tuple[Tensor, ...]:
    """All tensors of a file, sorted by name; none of a file that is no safetensors file."""
    try:
        listed = [_tensor(name, entry) for name, entry in read_header(opened).items() if name != "__metadata__"]
    except (ValueError, LookupError, TypeError):
        return ()
    return tuple(sorted(listed, key=lambda each: each.name))


def _tensor(name: str, entry: dict[str, Any]) -> Tensor:
    return Tensor(name, str(entry["dtype"]), tuple(int(length) for length in entry["shape"]))
