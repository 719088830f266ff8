"""X2I's AlignNet: all hidden states of a multimodal language model to FLUX.1's embeddings.

Layers and key names are those of `Proj7Exp` and `MLP3` in X2I's `utils/proj.py` (Ma et al., ICCV 2025, arXiv 2503.06134). The
published files have no `t5stack`, so that option is left out.

Shape letters: B batch, L tokens, S states of an encoder (its embeddings and all layers), E width of one state, C conditioning
width, P pooled width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hub.embeddings import Embeddings

EPS = 1e-6


class AlignNet(nn.Module):
    """Merges the states of all layers, then x = LN(x), c = L(GELU(L(x))); the pooled vector is the mean of fc(GELU(c)).

    `kernel_size` is that of a convolution over tokens and channels which reads the states as its input channels. Without one,
    the states are scaled by a learned number each, and averaged. All tokens count, padding included.
    """

    def __init__(
        self, in_width: int, states: int, out_width: int, pooled_width: int, kernel_size: int | None = None
    ) -> None:
        """Build the module for the states side by side: `in_width` is S × E. Raises ValueError if it cannot be divided."""
        super().__init__()
        if in_width % states:
            raise ValueError(f"`in_width` {in_width} is not a multiple of {states} states.")
        width = in_width // states
        self.states = states
        if kernel_size is None:
            self.cha_scale = nn.Parameter(torch.empty(1, states, 1, 1))
            nn.init.xavier_normal_(self.cha_scale)
            self.conv = None
        else:
            self.conv = nn.Conv2d(states, 1, kernel_size, padding=(kernel_size - 1) // 2)
        self.mlp = _Mlp(width, out_width, pooled_width)

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:  # noqa: ARG002 - the signature of all modules
        """Shapes: (B, L, S × E) → tokens (B, L, C), pooled (B, P). The mask is not read."""
        states_BSLE = tokens_BLE.unflatten(-1, (self.states, -1)).transpose(1, 2)
        merge = self.conv or self._average
        merged_BLE = merge(states_BSLE).squeeze(1)
        answer: Embeddings = self.mlp(merged_BLE)
        return answer

    def _average(self, states_BSLE: Tensor) -> Tensor:
        """Shapes: (B, S, L, E) → (B, 1, L, E)."""
        scaled: Tensor = self.cha_scale * states_BSLE
        return scaled.mean(dim=1, keepdim=True)


class _Mlp(nn.Module):
    """The layers under `mlp.`."""

    def __init__(self, width: int, out_width: int, pooled_width: int) -> None:
        super().__init__()
        self.layernorm = nn.LayerNorm(width, eps=EPS)
        self.projector = nn.Sequential(
            nn.Linear(width, out_width, bias=False), nn.GELU(), nn.Linear(out_width, out_width, bias=False)
        )
        self.fc = nn.Sequential(nn.GELU(), nn.Linear(out_width, pooled_width))

    def forward(self, states_BLE: Tensor) -> Embeddings:
        """Shapes: (B, L, E) → tokens (B, L, C), pooled (B, P)."""
        tokens_BLC = self.projector(self.layernorm(states_BLE))
        return Embeddings(tokens_BLC, self.fc(tokens_BLC).mean(dim=1))
