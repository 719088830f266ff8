"""How much memory weights take, by the type they are kept in.

Weights alone: what a picture needs besides, activations and the text encoder's own, comes on top.
"""

from __future__ import annotations

from collections.abc import Iterable

BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
"""Of one number."""
QUANTISED = {"8bit": 1.0, "4bit": 0.5625}
"""Bytes of one number of a linear layer, as torchao and bitsandbytes keep them: NF4 has a float32 scale for 64 numbers. Norms and
embeddings stay in half precision."""
BIG_BYTES = 4_000_000_000
"""From this size on, loading is told beforehand."""


def total(parameters: Iterable[tuple[str, int]]) -> int:
    """Numbers of all parts together."""
    return sum(count for _, count in parameters)


def in_words(count: int) -> str:
    """`4.26 GB in fp32, 2.13 GB in fp16 or bf16`, for `count` numbers."""
    full, half = (count * BYTES[dtype] for dtype in ("fp32", "fp16"))
    return f"{gigabytes(full)} in fp32, {gigabytes(half)} in fp16 or bf16 (weights alone)"


def gigabytes(size_bytes: float) -> str:
    """`2.13 GB`; small ones as `24.2 MB`."""
    return f"{size_bytes / 1e9:.2f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"
