"""PEA-Diffusion's adapter: a LayerNorm and a bias-free MLP on every token state.

Layers and key names are those of `MLP` in PEA-Diffusion's training scripts (Ma et al., ECCV 2024, arXiv 2311.17086):
`layernorm`, `projector.0`, `projector.2`, …, and for bases with a pooled input `fc`.

Shape letters: B batch, L tokens, E encoder width, H hidden width, C conditioning width, P pooled width.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from hub.modules.architectures import Embeddings


class Projector(nn.Module):
    """x = LN(x), p = L(GELU(… L(x))).

    Without `pooled_width` (SD 1.x) p is what the denoiser reads. With it (SDXL) p has that width, its mean over all
    tokens, pads included, is the pooled vector, and fc(GELU(p)) are the tokens. `linears` counts the bias-free layers:
    published weights have three, four or five.
    """

    def __init__(
        self, in_width: int, out_width: int, hidden_width: int, linears: int = 3, pooled_width: int | None = None
    ) -> None:
        super().__init__()
        if linears < 2:
            raise ValueError(f"`linears` must be at least 2, not {linears}.")
        last = out_width if pooled_width is None else pooled_width
        widths = [in_width, *[hidden_width] * (linears - 1), last]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after, bias=False), nn.GELU()]
        self.layernorm = nn.LayerNorm(in_width)
        self.projector = nn.Sequential(*layers[:-1])
        self.fc = None if pooled_width is None else nn.Linear(pooled_width, out_width)

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:  # noqa: ARG002 - every language module is called alike
        """Shapes: (B, L, E) → tokens (B, L, C) and, with a pooled width, pooled (B, P). The mask is not read."""
        p_BLP = self.projector(self.layernorm(tokens_BLE))
        if self.fc is None:
            return Embeddings(p_BLP)
        return Embeddings(self.fc(F.gelu(p_BLP)), p_BLP.mean(dim=1))
