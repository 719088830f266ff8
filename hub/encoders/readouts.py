"""Read-outs: which of an encoder's states a module reads. Mixing them up degrades pictures silently, so configs name one.

    last_hidden_state     every token's last state
    hidden_states[-2]     every token's state after the last layer but one; any index will do
    first                 the first token's last state, alone
    mean                  the mean of last states over tokens that count, alone
    pooler_output         the pooled vector of encoders that have one, alone

Other packages add theirs through the entry-point group `hub.readouts`.

Shape letters: B batch, L tokens, E encoder width.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hub.errors import DoesNotFit
from hub.plugins import advertised

GROUP = "hub.readouts"
_INDEXED = re.compile(r"hidden_states\[(-?\d+)\]")


@dataclass(frozen=True, slots=True)
class Readout:
    """From an encoder's answer and the mask (B, L) to token states (B, L, E) and their mask."""

    read: Callable[[Any, Tensor], tuple[Tensor, Tensor]]
    needs_all_layers: bool = False

    def __call__(self, states: Any, mask_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled read-outs answer with L = 1."""
        return self.read(states, mask_BL)


def get_readout(name: str) -> Readout:
    """The read-out called `name`; DoesNotFit lists those there are."""
    if name in READOUTS:
        return READOUTS[name]
    if (indexed := _INDEXED.fullmatch(name)) is not None:
        place = int(indexed[1])
        return Readout(lambda states, mask_BL: (states.hidden_states[place], mask_BL), needs_all_layers=True)
    offered = advertised(GROUP)
    if name in offered:
        found: Readout = offered[name].load()
        return found
    known = ", ".join(f"`{each}`" for each in [*READOUTS, "hidden_states[n]", *offered])
    raise DoesNotFit(f"no read-out is called `{name}`: this installation knows {known}.")


def _alone(vector_BE: Tensor) -> tuple[Tensor, Tensor]:
    return vector_BE[:, None], torch.ones(len(vector_BE), 1, dtype=torch.long, device=vector_BE.device)


def _mean(states: Any, mask_BL: Tensor) -> tuple[Tensor, Tensor]:
    weight_BL1 = mask_BL[:, :, None].to(states.last_hidden_state.dtype)
    return _alone((states.last_hidden_state * weight_BL1).sum(1) / weight_BL1.sum(1).clamp_min(1))


READOUTS = {
    "last_hidden_state": Readout(lambda states, mask_BL: (states.last_hidden_state, mask_BL)),
    "first": Readout(lambda states, _: _alone(states.last_hidden_state[:, 0])),
    "mean": Readout(_mean),
    "pooler_output": Readout(lambda states, _: _alone(states.pooler_output)),
}
