"""Stack projectors of one shape, so that each prompt of a batch goes through its own in one forward pass.

An index tensor selects the projector, so switching copies no weights and recompiles nothing. Only small ones are stacked, and
only when a batch mixes them: selection copies the weights for each prompt, and stacks are rebuilt when a module joins.

Shape letters: N modules, B batch, L tokens, E encoder width, H hidden width, C conditioning width, P pooled width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.embeddings import Embeddings
from hub.systems.pea.projector import Projector

if TYPE_CHECKING:
    from hub.loader.modules.loaded_module import LoadedModule

SMALL_BYTES = 4 * 2**20
"""Limit for one projector (the source study's has 0.4 MB): copying larger ones costs more than a pass per language."""


class ProjectorBank:
    """N projectors that differ only in weights, which become views of the stack, so that there is one copy."""

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
        after_fc = torch.baddbmm(bias_B1Y, F.gelu(x), fc_BXY)
        if self._pooled_from == "fc":
            return Embeddings(F.gelu(x), after_fc.mean(dim=1))
        return Embeddings(after_fc, x.mean(dim=1))


class Banks:
    """The stacks of one pipeline's modules, built when a batch first mixes them."""

    def __init__(self) -> None:
        self._places: dict[LoadedModule, tuple[ProjectorBank, int]] = {}

    def place(self, wanted: Sequence[LoadedModule], modules: Sequence[LoadedModule]) -> tuple[ProjectorBank, list[int]]:
        """Return the stack of `wanted`, all of one shape, and the index of each; it holds all `modules` of that shape."""
        if not all(each in self._places for each in wanted):
            alike = [each for each in modules if shape_of(each) == shape_of(wanted[0])]
            self._stack(alike)
        bank = self._places[wanted[0]][0]
        return bank, [self._places[each][1] for each in wanted]

    def shrink(self, modules: Sequence[LoadedModule]) -> None:
        """Rebuild the stacks that hold more than `modules`."""
        removed = [each for each in self._places if each not in modules]
        for bank in {self._places[each][0] for each in removed}:
            self._stack([each for each in modules if each in self._places and self._places[each][0] is bank])
        for each in removed:
            del self._places[each]

    def clear(self) -> None:
        """Drop all stacks; weights that are views of one remain so until they are moved."""
        self._places = {}

    def _stack(self, modules: Sequence[LoadedModule]) -> None:
        if modules:
            bank = ProjectorBank([each.module for each in modules if isinstance(each.module, Projector)])
            self._places |= {each: (bank, place) for place, each in enumerate(modules)}


def shape_of(loaded: LoadedModule) -> object:
    """Return a key that is equal for modules whose projectors can be stacked, else the module itself."""
    if not isinstance(loaded.module, Projector) or loaded.size_bytes > SMALL_BYTES:
        return loaded
    return str(loaded.config.module), loaded.dtype
