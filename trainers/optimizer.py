"""The two ways weights are updated: AdamW, and Muon for matrices with AdamW for the rest."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from hub.errors import WrongRequest
from trainers.arithmetic import has_bf16
from trainers.muon import Float32Muon
from trainers.recipe import Recipe

OPTIMIZERS = ("adamw", "muon")


def make_optimizer(module: nn.Module, recipe: Recipe) -> Optimizer:
    """Over all of `module` that has `requires_grad`; biases, norms and other vectors are not decayed.

    Raises WrongRequest when the recipe names an optimiser that is not here.
    """
    if recipe.optimizer not in OPTIMIZERS:
        raise WrongRequest(f"no optimiser is called `{recipe.optimizer}`: a recipe takes {' or '.join(OPTIMIZERS)}.")
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    turned = _matrices(module) if recipe.optimizer == "muon" else set()
    adamw = [parameter for parameter in learning if parameter not in turned]
    groups: list[dict[str, Any]] = [
        {"params": [each for each in adamw if each.dim() >= 2], "weight_decay": recipe.weight_decay},
        {"params": [each for each in adamw if each.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    rest = AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=True) if groups else None
    if not turned:
        assert rest is not None, "a module without anything to learn is refused before"
        return rest
    matrices = [parameter for parameter in learning if parameter in turned]
    make = Muon if has_bf16(matrices[0].device) else Float32Muon
    muon = make(
        matrices, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
    )  # a rate that is right for AdamW is then right for Muon
    return muon if rest is None else Together(muon, rest)


class Together(Optimizer):
    """Several optimisers of different parameters that look like one: one list of groups, one state."""

    def __init__(self, *parts: Optimizer) -> None:
        self._parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})
        self._link()

    def _link(self) -> None:
        """The parts work on this optimiser's own groups and state, so that it can be saved and scheduled as one."""
        first = 0
        for part in self._parts:
            last = first + len(part.param_groups)
            part.param_groups = self.param_groups[first:last]
            part.state = self.state
            first = last

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Each part updates what is its own."""
        assert closure is None, "the loop computes its loss itself"
        for part in self._parts:
            part.step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As ever; the parts see what was loaded."""
        super().load_state_dict(state_dict)
        self._link()


def _matrices(module: nn.Module) -> set[nn.Parameter]:
    """Weights of two dimensions, less embeddings: a row of a table is a vector of its own, not part of a linear map."""
    tables = {each.weight for each in module.modules() if isinstance(each, nn.Embedding)}
    return {each for each in module.parameters() if each.requires_grad and each.dim() == 2 and each not in tables}
