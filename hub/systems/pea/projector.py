"""PEA-Diffusion's adapter: a LayerNorm and a bias-free MLP on every token state.

Layers and key names are those of `MLP` in PEA-Diffusion's training scripts (Ma et al., ECCV 2024, arXiv 2311.17086):
`layernorm`, `projector.0`, `projector.2`, …, and for bases with a pooled input `fc`.

Shape letters: B batch, L tokens, E encoder width, H hidden width, C conditioning width, P pooled width.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from hub.embeddings import Embeddings

POOLED_FROM = ("projector", "fc")


class Projector(nn.Module):
    """x = LN(x), p = L(GELU(… L(x))).

    Without `pooled_width` (SD 1.x) the denoiser reads p. With it there is `fc`, and `pooled_from` selects the source of the
    pooled vector, always a mean over all tokens, padding included:

        projector    SDXL, SD 3: p is pooled, fc(GELU(p)) are the tokens
        fc           FLUX: fc(GELU(p)) is pooled, GELU(p) are the tokens

    `linears` counts the bias-free layers: published weights have three, four or five. `mask` passes the encoder's mask on, for
    denoisers that read one; no published file has it.
    """

    def __init__(
        self,
        in_width: int,
        out_width: int,
        hidden_width: int,
        linears: int = 3,
        pooled_width: int | None = None,
        pooled_from: str = "projector",
        mask: bool = False,
    ) -> None:
        super().__init__()
        if linears < 2:
            raise ValueError(f"`linears` must be at least 2, not {linears}.")
        if pooled_from not in POOLED_FROM:
            raise ValueError(f"`pooled_from` is {pooled_from!r}, not one of {', '.join(POOLED_FROM)}.")
        self.pooled_from = pooled_from
        self.gives_mask = mask
        last, fc_width = (out_width, pooled_width) if pooled_from == "fc" else (pooled_width or out_width, out_width)
        widths = [in_width, *[hidden_width] * (linears - 1), last]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after, bias=False), nn.GELU()]
        self.layernorm = nn.LayerNorm(in_width)
        self.projector = nn.Sequential(*layers[:-1])
        self.fc = None if pooled_width is None or fc_width is None else nn.Linear(last, fc_width)

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Shapes: (B, L, E) → tokens (B, L, C), with a pooled width pooled (B, P), with `mask` the mask. The mask is not read."""
        found = self._project(tokens_BLE)
        return found._replace(mask_BL=mask_BL) if self.gives_mask else found

    def _project(self, tokens_BLE: Tensor) -> Embeddings:
        p_BLX = self.projector(self.layernorm(tokens_BLE))  # X is C, or P before fc
        if self.fc is None:
            return Embeddings(p_BLX)
        if self.pooled_from == "fc":
            return Embeddings(F.gelu(p_BLX), self.fc(F.gelu(p_BLX)).mean(dim=1))
        return Embeddings(self.fc(F.gelu(p_BLX)), p_BLX.mean(dim=1))
