"""Define the protocol of language modules, which map an encoder's token states to embeddings for a denoiser.

Shape letters: B batch, L tokens of the encoder, E encoder width, Q tokens for the denoiser, C conditioning width.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from hub.embeddings import Embeddings


@runtime_checkable
class LanguageModule(Protocol):
    """Maps a multilingual encoder's token states to the embeddings that a base was trained to read."""

    def __call__(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Return `Embeddings`, tokens (B, Q, C), for states (B, L, E) and mask (B, L)."""
        ...
