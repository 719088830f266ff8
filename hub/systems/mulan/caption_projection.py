"""MuLan's adapter for PixArt: a two-layer projection on every token state, in place of the base's own caption projection.

Layers and key names are those of `TextProjection` in mulankit (Xing et al., MuLan, arXiv 2412.01271), which are those of
diffusers' `PixArtAlphaTextProjection`: `linear_1`, GELU (tanh), `linear_2`. It replaces PixArt's own projection, so C is the
width of the transformer, 1152.

Shape letters: B batch, L tokens, E encoder width, C conditioning width.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from hub.embeddings import Embeddings


class TextProjection(nn.Module):
    """linear_2(GELU(linear_1(x))), with GELU's tanh approximation."""

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(in_width, out_width)
        self.linear_2 = nn.Linear(out_width, out_width)

    def project(self, x: Tensor) -> Tensor:
        """Shape: (…, E) → (…, C)."""
        projected: Tensor = self.linear_2(F.gelu(self.linear_1(x), approximate="tanh"))
        return projected


class CaptionProjection(TextProjection):
    """E → C, token by token; the encoder's mask is passed on to the denoiser."""

    gives_mask = True

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Shapes: (B, L, E), (B, L) → tokens (B, L, C) and the mask unchanged."""
        return Embeddings(self.project(tokens_BLE), mask_BL=mask_BL)
