"""A module that reads the timestep."""

from __future__ import annotations

from torch import Tensor, nn

from hub.systems.shared.language_module import Embeddings


class Stepped(nn.Module):
    """Token states times the timestep's share, through one linear map."""

    per_step = True

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_width, out_width)
        self.seen: list[tuple[int, list[float]]] = []

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor, steps_B: Tensor) -> Embeddings:
        self.seen.append((int(mask_BL.sum()), steps_B.tolist()))
        return Embeddings(self.linear(tokens_BLE * (1 + steps_B[:, None, None] / 1000)))
