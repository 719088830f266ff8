"""Bytes: of weights in memory, and as people write them in settings."""

from __future__ import annotations

import os
from collections.abc import Mapping

from torch import Tensor, nn

from hub.errors import WrongRequest


def bytes_of(module: nn.Module) -> int:
    """Of its parameters and buffers."""
    return sum(_bytes_of(each) for each in (*module.parameters(), *module.buffers()))


def _bytes_of(tensor: Tensor) -> int:
    """A quantised tensor of torchao holds others, and gives its own size as if it were not."""
    if not hasattr(tensor, "__tensor_flatten__"):
        return tensor.nbytes
    names, _ = tensor.__tensor_flatten__()
    return sum(_bytes_of(getattr(tensor, name)) for name in names)


def resident_budget(given: int | None, environment: Mapping[str, str] | None = None) -> int | None:
    """Bytes that residents may take: as `given`, else as HUB_RESIDENT_BYTES says, else None. Raises WrongRequest."""
    environment = os.environ if environment is None else environment
    said = environment.get("HUB_RESIDENT_BYTES", "")
    if given is None and said:
        if not said.isdecimal():
            raise WrongRequest(
                f"HUB_RESIDENT_BYTES is `{said}`: give a whole number of bytes, 4000000000 say, or unset it."
            )
        given = int(said)
    if given is not None and given < 1:
        raise WrongRequest(f"residents are given {given} bytes: give a positive number, or none for no limit.")
    return given
