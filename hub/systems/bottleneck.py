"""The bottleneck adapter of the parameter-efficient baselines: x + MLP(LN(x)) on every token state.

Houlsby et al., ICML 2019 (arXiv 1902.00751), with the LayerNorm first. Some call this a PEA adapter; what
PEA-Diffusion published is `pea/projector.py`: wider, without residual and without biases.

Shape letters: B batch, L tokens, E encoder width, R bottleneck width, C conditioning width, P pooled width.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from hub.embeddings import Embeddings, masked_mean

DEVIATION = 0.01
"""Standard deviation of fresh weights, truncated at two: an untrained adapter is nearly the identity (Houlsby et al., §2.1)."""


class Bottleneck(nn.Module):
    """x + up(GELU(down(LN(x)))), C → R → C.

    The residual needs one width throughout. If the encoder's width is not the denoiser's, `project`, a linear layer E → C,
    comes first; otherwise the untrained adapter passes its input on.

    For bases with a pooled vector, `pool` maps the mean of GELU(down(LN(x))) over the tokens that count, R → P. `mask` passes the
    encoder's mask on, for denoisers that read one. The study has neither; both are ours.
    """

    def __init__(
        self,
        in_width: int,
        out_width: int,
        bottleneck_width: int = 64,
        pooled_width: int | None = None,
        mask: bool = False,
    ) -> None:
        super().__init__()
        if bottleneck_width < 1:
            raise ValueError(f"`bottleneck_width` must be at least 1, not {bottleneck_width}.")
        self.gives_mask = mask
        self.project = None if in_width == out_width else nn.Linear(in_width, out_width)
        self.norm = nn.LayerNorm(out_width)
        self.down = nn.Linear(out_width, bottleneck_width)
        self.up = nn.Linear(bottleneck_width, out_width)
        for linear in (self.down, self.up):
            nn.init.trunc_normal_(linear.weight, std=DEVIATION, a=-2 * DEVIATION, b=2 * DEVIATION)
            nn.init.zeros_(linear.bias)
        self.pool = None if pooled_width is None else nn.Linear(bottleneck_width, pooled_width)

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:
        """Shapes: (B, L, E) → tokens (B, L, C), with a pooled width pooled (B, P), with `mask` the mask."""
        x_BLC = tokens_BLE if self.project is None else self.project(tokens_BLE)
        inner_BLR = F.gelu(self.down(self.norm(x_BLC)))
        pooled_BP = None if self.pool is None else self.pool(masked_mean(inner_BLR, mask_BL))
        return Embeddings(x_BLC + self.up(inner_BLR), pooled_BP, mask_BL if self.gives_mask else None)
