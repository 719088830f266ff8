"""Projectors of one shape, stacked: each prompt of a batch goes through its own, all in one forward pass.

Which one is an index tensor, so switching touches no weight and recompiles nothing.

Shape letters: N residents, B batch, L tokens, E encoder width, H hidden width, C conditioning width, P pooled width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.modules import Embeddings
from hub.modules.projector import Projector


class ProjectorBank:
    """N projectors that differ in nothing but their weights.

    Afterwards the projectors' own weights are views of the stack, so that there is one copy.
    """

    def __init__(self, projectors: Sequence[Projector]) -> None:
        states = [projector.state_dict() for projector in projectors]
        self._stacked = {key: torch.stack([state[key] for state in states]) for key in states[0]}
        for place, projector in enumerate(projectors):
            projector.load_state_dict({key: value[place] for key, value in self._stacked.items()}, assign=True)
        self._linears = sorted(
            (key for key in states[0] if key.startswith("projector.")), key=lambda key: int(key.split(".")[1])
        )
        self._eps = projectors[0].layernorm.eps
        self._pooled_from = projectors[0].pooled_from

    def __call__(self, tokens_BLE: Tensor, which_B: Tensor) -> Embeddings:
        """Shapes: (B, L, E), (B,) → tokens (B, L, C) and, with a pooled width, pooled (B, P); see `Projector`."""
        scale_B1E, shift_B1E = (self._stacked[f"layernorm.{each}"][which_B][:, None] for each in ("weight", "bias"))
        x = F.layer_norm(tokens_BLE, tokens_BLE.shape[-1:], eps=self._eps) * scale_B1E + shift_B1E
        for place, key in enumerate(self._linears):
            x = torch.bmm(F.gelu(x) if place else x, self._stacked[key][which_B].mT)
        if "fc.weight" not in self._stacked:
            return Embeddings(x)
        fc_BXY, bias_B1Y = self._stacked["fc.weight"][which_B].mT, self._stacked["fc.bias"][which_B][:, None]
        behind = torch.baddbmm(bias_B1Y, F.gelu(x), fc_BXY)
        if self._pooled_from == "fc":
            return Embeddings(F.gelu(x), behind.mean(dim=1))
        return Embeddings(behind, x.mean(dim=1))
