"""What every language module is: token states of a multilingual encoder in, what a denoiser reads out.

Shape letters: B batch, L tokens, E encoder width, C conditioning width, P pooled width.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class Embeddings(NamedTuple):
    """What a denoiser reads of a prompt."""

    tokens_BLC: Tensor
    pooled_BP: Tensor | None = None
    """None when the base has no pooled input."""
    mask_BL: Tensor | None = None
    """True where a token counts; None when all do."""


@runtime_checkable
class LanguageModule(Protocol):
    """Carries a multilingual encoder's token states to where a base was trained to read."""

    def __call__(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Shapes: (B, L, E), (B, L) → `Embeddings`."""
        ...
