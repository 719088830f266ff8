"""Select the states of an encoder that a module reads. A wrong readout silently degrades images, so configs name it.

    last_hidden_state     last state of every token
    hidden_states[-2]     state of every token after the last layer but one; any index works
    hidden_states[:]      states of every token after the embeddings and all layers, side by side on the channels
    first                 last state of the first token only
    mean                  mean of the last states of tokens that count
    pooler_output         pooled vector, for encoders that have one

Other packages add readouts through the entry-point group `hub.readouts`.

Shape letters: B batch, L tokens, E encoder width, times the number of states for `hidden_states[:]`.
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
ALL_STATES = "hidden_states[:]"
_INDEXED = re.compile(r"hidden_states\[(-?\d+)\]")


@dataclass(frozen=True, slots=True)
class Readout:
    """A function from an encoder's output and the mask (B, L) to token states (B, L, E) and their mask."""

    read: Callable[[Any, Tensor], tuple[Tensor, Tensor]]
    needs_all_layers: bool = False
    ignores_padding: bool = False
    """Whether it reads no state of padding, so that padding which no text of a batch needs can be left out."""

    def __call__(self, states: Any, mask_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Return states (B, L, E) and mask (B, L); L = 1 for pooled readouts."""
        return self.read(states, mask_BL)


def get_readout(name: str) -> Readout:
    """Return the readout called `name`. Raises DoesNotFit, which lists the known ones."""
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
    raise DoesNotFit(f"unknown readout `{name}`: choose one of {known}.")


def _alone(vector_BE: Tensor) -> tuple[Tensor, Tensor]:
    return vector_BE[:, None], torch.ones(len(vector_BE), 1, dtype=torch.long, device=vector_BE.device)


def _mean(states: Any, mask_BL: Tensor) -> tuple[Tensor, Tensor]:
    weight_BL1 = mask_BL[:, :, None].to(states.last_hidden_state.dtype)
    return _alone((states.last_hidden_state * weight_BL1).sum(1) / weight_BL1.sum(1).clamp_min(1))


READOUTS = {
    "last_hidden_state": Readout(lambda states, mask_BL: (states.last_hidden_state, mask_BL)),
    ALL_STATES: Readout(
        lambda states, mask_BL: (torch.cat(states.hidden_states, dim=-1), mask_BL), needs_all_layers=True
    ),
    "first": Readout(lambda states, _: _alone(states.last_hidden_state[:, 0]), ignores_padding=True),
    "mean": Readout(_mean, ignores_padding=True),
    "pooler_output": Readout(lambda states, _: _alone(states.pooler_output)),
}
