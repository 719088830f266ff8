"""The protocol of language modules: token states of a multilingual encoder in, embeddings for a denoiser out.

Shape letters: B batch, L tokens, E encoder width.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from hub.embeddings import Embeddings


@runtime_checkable
class LanguageModule(Protocol):
    """Maps a multilingual encoder's token states to the embeddings that a base was trained to read."""

    def __call__(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Return `Embeddings` for states (B, L, E) and mask (B, L)."""
        ...
