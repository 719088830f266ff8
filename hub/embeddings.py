"""What a denoiser reads of a prompt: the one result of text encoders, language modules and bases alike.

Shape letters: B batch, L tokens, C conditioning width, P pooled width.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Embeddings(NamedTuple):
    """Embeddings of prompts, one row each."""

    tokens_BLC: Tensor
    pooled_BP: Tensor | None = None
    """None when the base has no pooled input."""
    mask_BL: Tensor | None = None
    """True where a token counts; None when all do."""
