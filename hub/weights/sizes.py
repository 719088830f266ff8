"""Estimate and limit the memory of weights, without torch.

Activations and other memory of image generation are not included.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from hub.errors import InvalidRequest

BYTES = {"fp32": 4, "fp16": 2}
"""Bytes of one parameter."""
QUANTISED = {"8bit": 1.0, "4bit": 0.5625}
"""Bytes of one parameter of a linear layer in torchao and bitsandbytes: NF4 has a float32 scale for 64 parameters. Norms and
embeddings stay in half precision."""
BIG_BYTES = 4_000_000_000
"""From this size on, loading is announced in the log."""


def total(parameters: Iterable[tuple[str, int]]) -> int:
    """Return the number of parameters of all parts together."""
    return sum(count for _, count in parameters)


def describe_memory(count: int) -> str:
    """Return `4.26 GB in fp32, 2.13 GB in fp16 or bf16` for `count` parameters."""
    full, half = (count * BYTES[dtype] for dtype in ("fp32", "fp16"))
    return f"{gigabytes(full)} in fp32, {gigabytes(half)} in fp16 or bf16 (weights alone)"


def gigabytes(size_bytes: float) -> str:
    """Return `2.13 GB`, or `24.2 MB` below one gigabyte."""
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"


def memory_budget(given: int | None, environment: Mapping[str, str] | None = None) -> int | None:
    """Return the bytes that loaded modules may take: `given`, else HUB_RESIDENT_BYTES, else None. Raises InvalidRequest."""
    value = (os.environ if environment is None else environment).get("HUB_RESIDENT_BYTES", "")
    if given is None and value:
        if not value.isdecimal():
            raise InvalidRequest(
                f"HUB_RESIDENT_BYTES is `{value}`: set a whole number of bytes, e.g. 4000000000, or unset it."
            )
        given = int(value)
    if given is not None and given < 1:
        raise InvalidRequest(f"`resident_bytes` is {given}: give a positive number, or None for no limit.")
    return given
