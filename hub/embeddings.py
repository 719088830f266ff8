"""The embeddings of prompts, as returned by text encoders, language modules and bases.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Embeddings(NamedTuple):
    """Embeddings of a batch of prompts."""

    tokens_BLC: Tensor
    pooled_BP: Tensor | None = None
    """Pooled embeddings; None if the base has no pooled input."""
    mask_BL: Tensor | None = None
    """True for tokens that the denoiser attends to; None for all."""
